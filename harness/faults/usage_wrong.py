"""A provider that miscounts tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
from pydantic import Field

from ...scenarios.units import Factor
from .base import BodyFilter, Context, Fault, Step
from .json_patch import UNREADABLE

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect, Headers

_USAGE: Final = frozenset({"usage", "usageMetadata", "amazon-bedrock-invocationMetrics"})
"""Members that hold counts, wherever they stand."""
_HEADER: Final = "-token-count"
"""How Bedrock's headers with counts end."""


class UsageWrong(Fault):
    """Report wrong token counts in answers, too high or too low by a factor; the invoice has the right ones.

    The provider answers and bills as ever: whoever keeps books by what answers say is off by that factor.
    """

    phase = "body"
    reaches_provider = True
    billed = True

    factor: Factor = Field(default="10x", validate_default=True, description="by which the counts are wrong")
    direction: Literal["high", "low"] = Field(
        default="high", description="high: multiplied by the factor; low: divided by it, rounded down"
    )

    def on_head(self, context: Context, status: int, headers: Headers) -> tuple[int, Headers]:
        """Change counts in headers."""
        if status >= 300:
            return status, headers
        return status, [
            (name, str(self._wrong(int(value))) if name.endswith(_HEADER) and value.isdecimal() else value)
            for name, value in headers
        ]

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for answers; refusals count nothing."""
        if status >= 300:
            return None
        return _Miscount(self._wrong, context.dialect if context.dialect.is_stream(headers) else None)

    def _wrong(self, count: int) -> int:
        return round(count * self.factor) if self.direction == "high" else int(count / self.factor)


class _Miscount:
    def __init__(self, wrong: Callable[[int], int], dialect: Dialect | None) -> None:
        self._wrong = wrong
        self._dialect = dialect  # None: a plain body

    def feed(self, data: bytes) -> Sequence[Step]:
        try:
            if self._dialect is not None:
                return [self._dialect.map_event(data, self._look)]
            document = orjson.loads(data)
            before, after = orjson.dumps(document), orjson.dumps(self._look(document))
        except UNREADABLE:  # no JSON, no counts
            return [data]
        return [data if before == after else after]

    def close(self) -> Sequence[Step]:
        return []

    def _look(self, value: Any) -> Any:
        """Find usage at any depth."""
        if isinstance(value, dict):
            return {
                key: self._count(inner, key) if key in _USAGE else self._look(inner) for key, inner in value.items()
            }
        return [self._look(inner) for inner in value] if isinstance(value, list) else value

    def _count(self, value: Any, key: str) -> Any:
        """Change each whole number that counts tokens, by its own name or that of what it stands in."""
        if isinstance(value, dict):
            return {name: self._count(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._count(inner, key) for inner in value]
        counts = isinstance(value, int) and not isinstance(value, bool) and "token" in key.lower()
        return self._wrong(value) if counts else value


FAULT = UsageWrong
