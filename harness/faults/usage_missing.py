"""An answer that doesn't say what it used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from .base import BodyFilter, Context, Fault, Step
from .tokens import payload_of

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect, Headers

KEYS: Final = frozenset({"usage", "usageMetadata", "amazon-bedrock-invocationMetrics"})
"""What vendors call it."""
INSIDE: Final = ("message", "response", "delta", "x_groq")
"""Objects of a payload in which some vendors put it."""


class UsageMissing(Fault):
    """Leave out the token counts of answers, plain or streamed; a chunk that has nothing else is dropped."""

    phase = "body"
    reaches_provider = True
    billed = True

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for answers."""
        if status >= 300:
            return None
        return _Uncounted(context.dialect if context.dialect.is_stream(headers) else None)


class _Uncounted:
    def __init__(self, dialect: Dialect | None) -> None:
        self._dialect = dialect

    def feed(self, data: bytes) -> Sequence[Step]:
        if self._dialect is None:
            try:
                body = orjson.loads(data)
            except orjson.JSONDecodeError:
                return [data]
            return [orjson.dumps(body) if _strip(body) else data]
        payload = payload_of(self._dialect, data)
        if isinstance(payload, dict) and payload.get("choices") == [] and _strip(payload):
            return []  # a chunk of its own
        return [self._dialect.map_event(data, _stripped)]

    def close(self) -> Sequence[Step]:
        return []


def _stripped(payload: Any) -> Any:
    _strip(payload)
    return payload


def _strip(payload: Any) -> bool:
    """Take the counts out of a payload; whether there were any. A null in their place stays: it counts nothing."""
    if not isinstance(payload, dict):
        return False
    found = False
    for holder in (payload, *(payload.get(name) for name in INSIDE)):
        if isinstance(holder, dict):
            for key in KEYS & holder.keys():
                if holder[key] is not None:
                    del holder[key]
                    found = True
    return found


FAULT = UsageMissing
