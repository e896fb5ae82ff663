"""The failures with which a vendor may say when to come back."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pydantic import Field

from ...fakes.dialects.base import Headers, Reply
from .base import Context
from .spoken import Spoken, words_of
from .wait import WaitText

_HEADER: Final = "retry-after"
_HEADER_MS: Final = "retry-after-ms"


class SpokenWait(Spoken):
    """Answers in the provider's place with one failure, and perhaps with when to come back."""

    spoken: ClassVar[tuple[str, ...]] = (*Spoken.spoken, "retry_after")

    retry_after: WaitText | None = Field(
        default=None,
        description="how long the provider asks to wait, in its own place and way (2s); or as a fraction (fraction "
        "1500ms), a date (date 30s), junk (text soon), nothing or less (0s, -5s); null says nothing of it",
    )
    retry_after_ms: WaitText | None = Field(
        default=None, description="the header retry-after-ms besides, which SDKs read before Retry-After"
    )
    should_retry: bool | None = Field(
        default=None, description="the header x-should-retry besides, which OpenAI's and Anthropic's SDKs obey"
    )

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words."""
        told = super().told(context)
        return told if self.retry_after is None else {**told, "retry_after": self.retry_after.told}

    def say(self, context: Context) -> Reply:
        """The failure as the vendor says it, the wait in the form that is wanted."""
        reply = super().say(context)
        wait = self.retry_after
        if wait is not None and wait.form in {"fraction", "date"}:
            text = wait.header(context.wall_s)
            if any(name == _HEADER for name, _ in reply.headers):
                headers = put([each for each in reply.headers if each[0] != _HEADER_MS], _HEADER, text)
                reply = Reply(reply.status, headers, reply.body)
            else:  # the vendor has it elsewhere
                details = {**self.told(context), **self.details, "retry_after": text}
                reply = words_of(self.kind, details, context)
        headers = list(reply.headers)
        if self.retry_after_ms is not None:
            headers = put(headers, _HEADER_MS, self.retry_after_ms.header_ms(context.wall_s))
        if self.should_retry is not None:
            headers = put(headers, "x-should-retry", str(self.should_retry).lower())
        return Reply(reply.status, headers, reply.body)


def put(headers: Headers, name: str, value: str) -> Headers:
    """The headers with this one: in its place if it is there, else at the end."""
    if any(key == name for key, _ in headers):
        return [(key, value if key == name else was) for key, was in headers]
    return [*headers, (name, value)]
