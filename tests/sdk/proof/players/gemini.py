"""Google's SDK."""

from __future__ import annotations

from typing import Any

from google import genai
from google.genai import types

from .base import TIMEOUT_S, Player, settle


class Gemini(Player):
    """The client as it is documented; it retries only when it is told to."""

    def __init__(self, root: str, flavour: str, *, retrying: bool) -> None:
        options = types.HttpRetryOptions() if retrying else None
        http = types.HttpOptions(base_url=root, timeout=TIMEOUT_S * 1000, retry_options=options)
        self._client = genai.Client(api_key="AIzaSy-test", http_options=http)
        self._models: Any = self._client.models if flavour == "sync" else self._client.aio.models

    async def ask(self, *, stream: bool) -> Any:
        """The answer to "hello", or the list of what its stream yields."""
        made = self._models.generate_content_stream if stream else self._models.generate_content
        answer = await settle(made(model="gemini-3.8-flash", contents="hello"))
        return await self.collect(answer) if stream else answer

    def status(self, error: Any) -> int | None:
        """The status that the SDK's exception tells."""
        status: int | None = getattr(error, "code", None)
        return status

    def says(self, error: Any) -> str | None:
        """Google's name of the status."""
        status: str | None = getattr(error, "status", None)
        return status

    def sees(self, answer: Any) -> str:
        """Why there is nothing; of a stream its tokens and its finish."""
        if isinstance(answer, list):
            finish = answer[-1].candidates[0].finish_reason
            return f"{sum(bool(chunk.text) for chunk in answer)} tokens, finish_reason {finish and finish.value}"
        if answer.candidates is None:
            feedback = answer.prompt_feedback
            return f"no candidates, block_reason {feedback.block_reason.value}" if feedback else "no candidates"
        return f"no content, finish_reason {answer.candidates[0].finish_reason.value}"

    async def close(self) -> None:
        """Close the client's connections."""
        await self._client.aio.aclose()
        self._client.close()


PLAYER = Gemini
