"""Anthropic's SDK."""

from __future__ import annotations

from typing import Any

import anthropic

from .base import settle
from .stainless import Stainless


class Anthropic(Stainless):
    """The client as it is documented."""

    makers = (anthropic.Anthropic, anthropic.AsyncAnthropic)
    has_request_ids = True

    async def ask(self, *, stream: bool) -> Any:
        """The answer to "hello", or the list of what its stream yields."""
        messages = [{"role": "user", "content": "hello"}]
        made = self.client.messages.create(model="claude-sonnet-5", max_tokens=20, messages=messages, stream=stream)
        answer = await settle(made)
        return await self.collect(answer) if stream else answer

    def says(self, error: Any) -> str | None:
        """The body's type, and the code in its details."""
        body = getattr(error, "body", None)
        if not isinstance(body, dict):
            return None
        told = body["error"]
        code = (told.get("details") or {}).get("error_code")
        return f"{told['type']} / {code}" if code else str(told["type"])

    def sees(self, answer: Any) -> str:
        """Why it stopped; of a stream also its tokens."""
        if isinstance(answer, list):
            tokens = sum(event.type == "content_block_delta" for event in answer)
            reasons = [event.delta.stop_reason for event in answer if event.type == "message_delta"]
            return f"{tokens} tokens, stop_reason {reasons[-1] if reasons else None}"
        return f"stop_reason {answer.stop_reason}"


PLAYER = Anthropic
