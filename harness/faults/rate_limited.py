"""Too many requests, with or without a word on when to come back."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from ...fakes.dialects.base import Reply
from ...scenarios.units import Duration
from .base import Context
from .spoken_wait import SpokenWait, put
from .wait import whole

_WAITS = frozenset({"retry-after", "retry-after-ms", "x-amz-retry-after"})


class RateLimited(SpokenWait):
    """Refuse every request with a 429, with Retry-After if `retry_after` is given."""

    failure_kind = "rate_limited"
    spoken: ClassVar[tuple[str, ...]] = (*SpokenWait.spoken, "limit", "reset")

    limit: Literal["requests", "tokens", "output_tokens", "trial"] | None = Field(
        default=None, description="which limit a minute is used up; the vendor's usual one if absent"
    )
    reset: Duration | None = Field(
        default=None,
        description="when the limit is free again, as the vendor's reset headers and words tell it; `retry_after` if "
        "absent",
    )

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words: the reset goes before the wait, which is a header's."""
        told = super().told(context)
        if self.limit is not None:
            told["limit"] = self.limit
        return told if self.reset is None else {**told, "retry_after": whole(self.reset)}

    def say(self, context: Context) -> Reply:
        """The failure as the vendor says it, a wait that differs from the reset in its own header."""
        reply = super().say(context)
        if self.reset is None:
            return reply
        headers = [each for each in reply.headers if each[0] not in _WAITS]
        if self.retry_after is not None:
            headers = put(headers, "retry-after", self.retry_after.header(context.wall_s))
        if self.retry_after_ms is not None:
            headers = put(headers, "retry-after-ms", self.retry_after_ms.header_ms(context.wall_s))
        return Reply(reply.status, headers, reply.body)


FAULT = RateLimited
