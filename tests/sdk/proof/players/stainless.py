"""What the SDKs made by Stainless have in common: those of OpenAI, Anthropic and Groq."""

from __future__ import annotations

from typing import Any

from .base import TIMEOUT_S, Player, settle


class Stainless(Player):
    """A client whose `maker` takes a base URL and a key. It retries by itself."""

    makers: tuple[Any, Any]
    path = ""

    def __init__(self, root: str, flavour: str, *, retrying: bool) -> None:
        self.client: Any = self.makers[flavour == "async"](timeout=TIMEOUT_S, **self.options(root))

    def options(self, root: str) -> dict[str, Any]:
        """What the client is made with."""
        return {"base_url": root + self.path, "api_key": "k"}

    async def close(self) -> None:
        """Close the client's connections."""
        await settle(self.client.close())

    def status(self, error: Any) -> int | None:
        """The status that the SDK's exception tells."""
        status: int | None = getattr(error, "status_code", None)
        return status

    def request_id(self, error: Any) -> str | None:
        """The vendor's id of the request."""
        found: str | None = error.request_id
        return found


class Chat(Stainless):
    """Chat completions by a client of OpenAI's shape."""

    model = "gpt-5.4-mini"

    async def ask(self, *, stream: bool) -> Any:
        """The answer to "hello", or the list of what its stream yields."""
        messages = [{"role": "user", "content": "hello"}]
        made = self.client.chat.completions.create(model=self.model, messages=messages, stream=stream)
        answer = await settle(made)
        return await self.collect(answer) if stream else answer

    def says(self, error: Any) -> str | None:
        """The vendor's code as the exception tells it."""
        return None if getattr(error, "code", None) is None else str(error.code)

    def sees(self, answer: Any) -> str:
        """The choices, and the error beside them; of a stream its tokens and its finish."""
        if isinstance(answer, list):
            choices = [chunk.choices[0] for chunk in answer if chunk.choices]
            tokens = sum(bool(choice.delta.content) for choice in choices)
            return f"{tokens} tokens, finish_reason {choices[-1].finish_reason}"
        if not answer.choices:
            return f"choices {answer.choices}, error code {answer.error['code']}"
        [choice] = answer.choices
        return f"{'a refusal, ' if choice.message.refusal else ''}finish_reason {choice.finish_reason}"
