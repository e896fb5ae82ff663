"""Which failure a response was: its status, and its words beside those that the fakes know of the same vendor.

The fakes write each vendor's failures word for word, so they are the table to compare with: the failure of the same
status whose words are most like the body's. A word counts for more the fewer failures have it; figures and ids count
for nothing. Only the kind is returned. A failure that is new in a dialect is known here at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from ...fakes import dialects
from ...fakes.dialects._kinds import KINDS
from .events import NO_ANSWER, OK, REFUSED, RESET

BODY_BYTES_MAX: Final = 64 * 1024
"""Bytes of a body that are looked at; failures are shorter."""
LIKENESS_MIN: Final = 0.25
"""Least likeness to a failure's words, 0 to 1; below, the status alone decides."""
WITHIN_MIN: Final = 0.6
"""Least part, 0 to 1, of a short text that must be among a failure's words to be taken for a part of them."""

USUAL: Final[Mapping[int, tuple[str, ...]]] = {
    400: ("bad_request",),
    401: ("bad_key",),
    402: ("quota_exhausted", "billing_problem"),
    403: ("permission_denied",),
    404: ("model_not_found",),
    405: ("wrong_method",),
    408: ("timeout",),
    409: ("conflict",),
    413: ("request_too_large",),
    422: ("bad_request",),
    424: ("upstream_error",),
    429: ("rate_limited",),
    498: ("capacity_exceeded",),
    500: ("server_error",),
    502: ("bad_gateway_page", "bad_gateway"),
    503: ("overloaded",),
    504: ("timeout",),
    529: ("overloaded",),
}
"""What a status means when nothing else is known, the likeliest first."""
GAVE_UP: Final = 499
"""What proxies write when the caller was gone before an answer came (nginx's log)."""

_WORD: Final = re.compile(r"[a-z_]{3,}")
_REFUSED: Final = re.compile(r"refused|unreachable|not_resolved|resolve|enotfound|dns|no route", re.IGNORECASE)
_RESET: Final = re.compile(r"reset|closed|eof|broken pipe|empty_response|tls|ssl", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Known:
    """A failure as a vendor says it."""

    kind: str
    status: int
    words: frozenset[str]


def classify(dialect: str, status: int | None, text: str = "") -> str:
    """The kind of failure that a response was, `OK` if it was none.

    Args:
        dialect: The vendor's dialect.
        status: The HTTP status; None or 0 when no response came.
        text: The body's beginning, or what else there is of words: an error's code, or why no response came.
    """
    if not status:
        return without_answer(text)
    if status == GAVE_UP:
        return NO_ANSWER
    if status < 400:
        return OK
    plain = text.strip().lower()
    if plain in KINDS:
        return plain
    return _by_words(dialect, status, text) or by_status(dialect, status)


def without_answer(why: str) -> str:
    """The kind of a call that no response came to, by what the log says of the reason."""
    if _REFUSED.search(why):
        return REFUSED
    return RESET if _RESET.search(why) else NO_ANSWER


def by_status(dialect: str, status: int) -> str:
    """The likeliest kind of a status, of those that the vendor has if it has one."""
    if 520 <= status < 600 and status not in USUAL:
        return "edge_page"
    usual = USUAL.get(status, ("bad_request",) if status < 500 else ("server_error",))
    has = dialects.find(dialect).failures
    return next((kind for kind in usual if kind in has), usual[0])


def status_of(dialect: str, kind: str) -> int | None:
    """The status that a vendor gives a failure, None if it has no such failure."""
    return next((each.status for each in _table(dialect) if each.kind == kind), None)


def _by_words(dialect: str, status: int, text: str) -> str | None:
    words = _words(text[:BODY_BYTES_MAX])
    rows = [each for each in _table(dialect) if each.status == status]
    if not words or not rows:
        return None
    among = {word: sum(word in each.words for each in rows) for row in rows for word in row.words}

    def weight(some: frozenset[str]) -> float:
        return sum(math.log(1 + len(rows) / among.get(word, 1)) for word in some)

    def likeness(row: _Known) -> float:
        return weight(words & row.words) / weight(words | row.words)

    def within(row: _Known) -> float:
        return weight(words & row.words) / weight(words)

    usual = USUAL.get(status, ())
    # of failures that say the same, the status's usual one, then the first by name
    best = max(rows, key=lambda row: (likeness(row), row.kind in usual))
    if likeness(best) >= LIKENESS_MIN:
        return best.kind
    # a log may have no more than a code, or the beginning of a message: all of it is in the failure's words
    best = max(rows, key=lambda row: (within(row), row.kind in usual, _is_named(row.kind, text), likeness(row)))
    return best.kind if within(best) >= WITHIN_MIN else None


def _is_named(kind: str, text: str) -> bool:
    """Whether a text has a word of a failure's name, as ``insufficient_quota`` has one of `quota_exhausted`."""
    return any(each in text.lower() for each in kind.split("_"))


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


@cache
def _table(dialect: str) -> tuple[_Known, ...]:
    spoken = dialects.find(dialect)
    rows = []
    for kind in sorted(spoken.failures):
        reply = spoken.failure(kind, {}, id_seed=1)
        rows.append(_Known(kind, reply.status, _words(reply.body[:BODY_BYTES_MAX].decode("utf-8", "replace"))))
    return tuple(rows)
