"""No router: each call is made by the vendor's own SDK, with the SDK's own retries, at the first provider.

The caller speaks the provider's dialect; request and answer pass through as they are, so that what a program with an
SDK and nothing else lives through is what the caller sees.
"""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
from openai_front import Receive, Send, read_body, send_json, serve, settings

KEPT = ("content-type", "retry-after", "request-id", "x-request-id")


class Direct:
    """One SDK client, its retries left alone."""

    def __init__(self, told: dict[str, Any]) -> None:
        (provider,) = told["providers"]
        common = {"api_key": provider["key"], "base_url": provider["base_url"], "timeout": told["timeout_s"]}
        self._create: Any
        if provider["dialect"] == "anthropic":
            self._create = anthropic.AsyncAnthropic(**common).messages.with_streaming_response.create
        else:
            self._create = openai.AsyncOpenAI(**common).chat.completions.with_streaming_response.create

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request. A stream that breaks raises here, and the server then breaks the caller's too."""
        if scope["type"] != "http":
            return
        request = json.loads(await read_body(receive))
        try:
            async with self._create(**request) as answer:
                await _begin(send, answer)
                async for data in answer.iter_bytes():
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (anthropic.APIStatusError, openai.APIStatusError) as error:
            await _begin(send, error.response)
            await send({"type": "http.response.body", "body": error.response.content})
        except (anthropic.APIConnectionError, openai.APIConnectionError) as error:
            # A program would get this exception and no answer at all.
            told = {"message": f"{error}", "type": type(error).__name__}
            await send_json(send, 502, {"type": "error", "error": told})


async def _begin(send: Send, answer: Any) -> None:
    """Hand on a status and some headers."""
    headers = [(name.encode(), value.encode()) for name, value in answer.headers.items() if name.lower() in KEPT]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})


if __name__ == "__main__":
    told = settings()
    serve(Direct(told), told["port"])
