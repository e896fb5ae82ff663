"""OpenAI's SDK and responses."""

from __future__ import annotations

from typing import Any

from .base import settle
from .openai_chat import OpenAIChat


class OpenAIResponses(OpenAIChat):
    """The client as it is documented."""

    async def ask(self, *, stream: bool) -> Any:
        """The answer to "hello", or the list of what its stream yields."""
        answer = await settle(self.client.responses.create(model=self.model, input="hello", stream=stream))
        return await self.collect(answer) if stream else answer

    def sees(self, answer: Any) -> str:
        """The response's status and why; of a stream its tokens and its last event."""
        if isinstance(answer, list):
            tokens = sum(event.type == "response.output_text.delta" for event in answer)
            return f"{tokens} tokens, last event {answer[-1].type}"
        if answer.error:
            return f"status {answer.status}, error code {answer.error.code}"
        if answer.incomplete_details:
            return f"status {answer.status}, reason {answer.incomplete_details.reason}"
        return f"status {answer.status}, {answer.output[0].content[0].type}"


PLAYER = OpenAIResponses
