"""An answer with nothing in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .base import BodyFilter, Context, End, Fault, Step

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers


class Empty200(Fault):
    """Send the provider's 200 with its headers and an empty body, in place of an answer or of a stream."""

    phase = "body"
    reaches_provider = True
    billed = True

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for answers; refusals keep their body."""
        if status >= 300:
            return None
        return _Nothing([End()] if context.dialect.is_stream(headers) else [])


class _Nothing:
    def __init__(self, instead: Sequence[Step]) -> None:
        self._instead = instead

    def feed(self, _: bytes) -> Sequence[Step]:
        return self._instead

    def close(self) -> Sequence[Step]:
        return []


FAULT = Empty200
