"""Carries a drift's changes out on a body: on a plain one as a whole, on a stream event by event."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from .base import Step
from .json_patch import UNREADABLE, patch

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect
    from .drift_change import Change, EventRule, Inserted
    from .json_patch import Operation


class PlainDrift:
    """The filter of a plain body; what is no JSON passes, and so do the bytes of what nothing applies to."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations

    def feed(self, data: bytes) -> Sequence[Step]:
        """The body, changed."""
        try:
            document = orjson.loads(data)
            before = orjson.dumps(document)
            after = orjson.dumps(patch(document, self._operations))
        except UNREADABLE:
            return [data]
        return [data if after == before else after]

    def close(self) -> Sequence[Step]:
        """Nothing follows."""
        return []


class StreamDrift:
    """The filter of a stream. Events without JSON (comments, ``[DONE]``) pass and are not counted.

    The events of a JSON array are changed, but none is inserted or left out there: its brackets and commas belong to
    its elements.
    """

    def __init__(self, change: Change, dialect: Dialect) -> None:
        self._operations = change.operations
        self._rules = [(rule, [0]) for rule in change.events]
        self._dialect = dialect
        self._number = 0
        self._heard: tuple[Any, str | None, list[EventRule]] | None = None  # what the last event was, is, and its rules

    def feed(self, data: bytes) -> Sequence[Step]:
        """What becomes of an event."""
        self._heard = None
        try:
            changed = self._dialect.map_event(data, self._change)
        except UNREADABLE:
            return [data]
        if self._heard is None:
            return [data]
        was, now, chosen = self._heard
        self._number += 1
        changed = _named_like(changed, _type(was), now)
        if data.lstrip()[:1] in (b"[", b","):
            return [changed]
        before = [self._insert(data, was, each) for rule in chosen for each in rule.before]
        after = [self._insert(data, was, each) for rule in chosen for each in rule.after]
        kept = [] if any(rule.drop for rule in chosen) else [changed]
        return [*before, *kept, *after]

    def close(self) -> Sequence[Step]:
        """Nothing follows."""
        return []

    def _change(self, payload: Any) -> Any:
        was = copy.deepcopy(payload) if self._rules else {"type": _type(payload)}
        chosen = self._choose(payload)
        changed = patch(payload, self._operations)
        for rule in chosen:
            changed = patch(changed, rule.operations)
        self._heard = (was, _type(changed), chosen)
        return changed

    def _choose(self, payload: Any) -> list[EventRule]:
        chosen = []
        for rule, count in self._rules:
            if (rule.times is None or count[0] < rule.times) and rule.chooses(self._number, payload):
                count[0] += 1
                chosen.append(rule)
        return chosen

    def _insert(self, beside: bytes, payload: Any, inserted: Inserted) -> bytes:
        """An event in the frame of the one beside it."""
        said = patch(copy.deepcopy(payload if inserted.payload is None else inserted.payload), inserted.operations)
        return _named_like(self._dialect.map_event(beside, lambda _: said), _type(payload), _type(said))


def _type(payload: Any) -> str | None:
    kind = payload.get("type") if isinstance(payload, dict) else None
    return kind if isinstance(kind, str) else None


def _named_like(event: bytes, was: str | None, now: str | None) -> bytes:
    """A server-sent event whose name was its payload's `type` goes on to be named like it."""
    if was is None or now is None or was == now or not now.isprintable():
        return event
    name = b"event: " + was.encode() + b"\n"
    return b"event: " + now.encode() + event[len(name) - 1 :] if event.startswith(name) else event
