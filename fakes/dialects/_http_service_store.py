"""What a service keeps between requests: made objects, and answers to idempotent requests. Bounded, in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .base import Reply

KEPT_MAX: Final = 10_000
"""Objects and answers that are kept; beyond it the oldest is forgotten."""
KEPT_BYTES_MAX: Final = 32 * 1024 * 1024
"""Their bodies together, in bytes; beyond it the oldest is forgotten."""

Key = tuple[str, str, str]
"""Collection, credential (each customer sees what is its own), id."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A body that is kept: an object's, or that of an answer whose request had `fingerprint`."""

    body: bytes
    reply: Reply | None = None
    fingerprint: bytes = b""


class Store:
    """What is kept, the oldest first."""

    def __init__(self, kept_max: int = KEPT_MAX, bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._kept_max = kept_max
        self._bytes_max = bytes_max
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._bytes = 0
        self.made = 0
        """How many were ever kept: what tells the ids of two equal requests apart."""

    def put(self, key: Key, kept: Kept) -> None:
        """Keep it, and forget the oldest while there is too much."""
        self.remove(key)
        self._kept[key] = kept
        self._bytes += len(kept.body)
        self.made += 1
        while len(self._kept) > self._kept_max or (self._bytes > self._bytes_max and self._kept):
            self.remove(next(iter(self._kept)))

    def get(self, key: Key) -> Kept | None:
        """What is kept there."""
        return self._kept.get(key)

    def remove(self, key: Key) -> None:
        """Forget what is kept there, if anything is."""
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= len(gone.body)

    def newest(self, collection: str, credential: str) -> Iterator[tuple[str, bytes]]:
        """Ids and bodies of a customer's collection, the newest first."""
        for (owner_collection, owner, name), kept in reversed(self._kept.items()):
            if (owner_collection, owner) == (collection, credential):
                yield name, kept.body

    def clear(self) -> None:
        """Forget everything; ids begin again."""
        self._kept.clear()
        self._bytes = self.made = 0
