"""A drift of the format: a key of the answer has another name from one moment to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import Field, model_validator

from .base import BodyFilter, Context, Fault, Step
from .json_patch import UNREADABLE

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect, Headers

SUFFIX: Final = "_v2"
"""Appended to a key that is renamed without a name being given."""


class FieldRenamed(Fault):
    """Rename a key of answers at any depth, in plain bodies and in each stream event."""

    phase = "body"
    reaches_provider = True
    billed = True

    field: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="key to rename; the keys that carry the answer if absent",
    )
    to: str | None = Field(
        default=None, min_length=1, max_length=200, description=f"its new name; the old one with {SUFFIX} if absent"
    )

    @model_validator(mode="after")
    def _named(self) -> FieldRenamed:
        if self.to is not None and self.field is None:
            raise ValueError("'to' needs 'field': several keys can't all get one name")
        return self

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for answers; refusals keep their form."""
        if status >= 300:
            return None
        old = context.dialect.answer_keys_of(context.ask) if self.field is None else (self.field,)
        streamed = context.dialect.is_stream(headers)
        return _Rename({key: self.to or key + SUFFIX for key in old}, context.dialect if streamed else None)


class _Rename:
    def __init__(self, names: Mapping[str, str], dialect: Dialect | None) -> None:
        self._names = names
        self._dialect = dialect  # None: a plain body
        self._changed = False

    def feed(self, data: bytes) -> Sequence[Step]:
        self._changed = False
        try:
            if self._dialect is not None:
                changed = self._dialect.map_event(data, self._rename)
            else:
                changed = orjson.dumps(self._rename(orjson.loads(data)))
        except UNREADABLE:  # no JSON, no keys
            return [data]
        return [changed if self._changed else data]

    def close(self) -> Sequence[Step]:
        return []

    def _rename(self, value: Any) -> Any:
        if isinstance(value, dict):
            if not self._changed and not self._names.keys().isdisjoint(value):
                self._changed = True
            return {self._names.get(key, key): self._rename(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._rename(inner) for inner in value]
        return value


FAULT = FieldRenamed
