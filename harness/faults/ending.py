"""A filter that lets an answer through up to a place and then ends it in some way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .places import Place, Seeker

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect
    from .base import Step

Last = Callable[[bytes, bytes], "Sequence[Step]"]
"""What comes at the place: given the first and the last piece that got through, empty if none did."""


class Ending:
    """Passes what lies before the place, then says the last word.

    Args:
        place: where.
        dialect: of the stream; None for a plain body.
        last: the steps that come there.
    """

    def __init__(self, place: Place, dialect: Dialect | None, last: Last) -> None:
        self._seeker = Seeker(place, dialect)
        self._last = last
        self._first_passed = self._last_passed = b""
        self._done = False

    def feed(self, data: bytes) -> Sequence[Step]:
        """One event of a stream, or a whole plain body."""
        if self._done:
            return []
        found = self._seeker.seek(data)
        passed = data if found is None else found[0]
        self._first_passed = self._first_passed or passed
        self._last_passed = passed or self._last_passed
        if found is None:
            return [data]
        self._done = True
        last = self._last(self._first_passed, self._last_passed)
        return [passed, *last] if passed else last

    def close(self) -> Sequence[Step]:
        """A place that is the end itself is reached here."""
        if self._done or not self._seeker.at_end:
            return []
        self._done = True
        return self._last(self._first_passed, self._last_passed)
