"""One row of the failure table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ..errors import Meaning


class Position(StrEnum):
    """Where in the exchange the failure stood."""

    STATUS = "status"
    """A status that isn't 2xx."""
    BODY = "body"
    """An error object in the body of a 200."""
    STREAM = "stream"
    """An error event in a stream that began with a 200."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. An empty column fits everything.

    Attributes:
        meaning: What it means if the row fits.
        reason: Its short name, a metric label.
        status: Statuses it fits. Inside a 200 only a status that the error itself names counts.
        codes: Fits if one of the error's names is among them: type, code, reason, exception.
        words: Fits if the message begins like this; case doesn't matter.
    """

    meaning: Meaning
    reason: str
    status: tuple[int, ...] = ()
    codes: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None

    def fits(self, status: int, names: frozenset[str], message: str) -> bool:
        """Whether this row speaks of that error.

        Args:
            status: HTTP status, 0 if the error stood inside a 200 and named none.
            names: The error's types and codes.
            message: The error's message.
        """
        if self.status and status not in self.status and (status or not (self.codes or self.words)):
            return False
        if self.codes and self.codes.isdisjoint(names):
            return False
        return self.words is None or self.words.match(message) is not None


def row(meaning: Meaning, reason: str, *, status: tuple[int, ...] = (), codes: str = "", words: str = "") -> Row:
    """Make a row; `codes` are separated by spaces, `words` are a pattern for the beginning of the message."""
    pattern = re.compile(words, re.IGNORECASE | re.DOTALL) if words else None
    return Row(meaning, reason, status, frozenset(codes.split()), pattern)
