"""Answers that name another model than the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import Field

from ...fakes.dialects.base import Answer, Ask
from ...scenarios.registry import Complaint
from .base import BodyFilter, Context, Fault, Step

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect, Headers

SUFFIX: Final = "-20260101"
"""Appended to the name of the model unless another one is given."""
_KEYS: Final = ("model", "modelVersion")
_WITHIN: Final = ("message", "response")
"""Objects around an answer's that name its model."""


class ModelAliased(Fault):
    """Let every answer name another model than was asked for: an alias that now points elsewhere, a dated snapshot.

    The answer itself stays what it was. Whoever keeps books by the name, or compares it, is in for a surprise.
    """

    phase = "body"
    reaches_provider = True
    billed = True

    to: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description=f"the name in answers; the one in the provider's answer with {SUFFIX} if absent",
    )

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for answers; refusals keep their form."""
        if status >= 300:
            return None
        return _Renamer(self._renamed, context.dialect if context.dialect.is_stream(headers) else None)

    def _renamed(self, name: str) -> str:
        return name + SUFFIX if self.to is None else self.to

    def complaints(self, dialect: Dialect) -> Iterator[Complaint]:
        """A vendor whose answers name no model."""
        yield from super().complaints(dialect)
        ask = Ask("model", stream=False, text="", mark=None, input_tokens=9)
        answer = Answer(("word",), None, "stop", 9, 1, id_seed=0, created_s=0)
        try:
            body = orjson.loads(dialect.write(ask, answer).body)
        except (orjson.JSONDecodeError, KeyError):
            body = None
        if not isinstance(body, dict) or not any(key in body for key in _KEYS):
            yield Complaint((), f"answers of {dialect.name!r} name no model", "leave this provider out of `on`")


class _Renamer:
    def __init__(self, rename: Callable[[str], str], dialect: Dialect | None) -> None:
        self._rename = rename
        self._dialect = dialect  # None: a plain body
        self._changed = False

    def feed(self, data: bytes) -> Sequence[Step]:
        self._changed = False
        if self._dialect is not None:
            changed = self._dialect.map_event(data, self._change)
        else:
            try:
                changed = orjson.dumps(self._change(orjson.loads(data)))
            except orjson.JSONDecodeError:  # no JSON, no model
                return [data]
        return [changed if self._changed else data]

    def close(self) -> Sequence[Step]:
        return []

    def _change(self, payload: Any) -> Any:
        if not isinstance(payload, dict):
            return payload
        changed = dict(payload)
        for key in _KEYS:
            if isinstance(changed.get(key), str) and changed[key]:
                changed[key] = self._rename(changed[key])
                self._changed = self._changed or changed[key] != payload[key]
        for key in _WITHIN:
            if key in changed:
                changed[key] = self._change(changed[key])
        return changed


FAULT = ModelAliased
