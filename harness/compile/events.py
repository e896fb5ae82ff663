"""What a log is boiled down to: a row a call, of numbers and of names from closed lists.

This is the gate that keeps credentials and prompts out. Texts of the log end in the readers: a body becomes a failure's
kind, a model becomes a name of the public price list or nothing, a host becomes a vendor. Only a provider's label in a
table is the user's own word, and `Names` takes it for one only if it looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Final

import yaml

from ...fakes.dialects._kinds import KINDS
from ...fakes.prices import TABLE_FILE
from ..errors import HarnessError
from ..redact import redact

ROWS_MAX: Final = 500_000
"""Most calls of one log."""
PROVIDERS_MAX: Final = 32
"""Most providers of one log; a scenario has no more."""
HOLE_S_MIN: Final = 6 * 3600.0
"""Shortest stretch without a call that is told, in seconds."""
HOLE_SHARE_MIN: Final = 0.5
"""Least share of a log's time that it must be."""
OK: Final = ""
"""The kind of a call that went well."""
REFUSED: Final = "connection_refused"
RESET: Final = "connection_reset"
NO_ANSWER: Final = "no_answer"
CUT: Final = "stream_cut"
STREAM_ERROR: Final = "stream_error"
SLOW: Final = "slow"
OWN_KINDS: Final = {
    REFUSED: "nobody took the connection",
    RESET: "the connection was closed before an answer",
    NO_ANSWER: "nothing came until the caller gave up",
    CUT: "a stream ended without its proper ending",
    STREAM_ERROR: "an error came inside a stream that had begun",
    SLOW: "a right answer, much later than the provider's usual",
}
"""What a log shows besides the vendors' failures: kind to its meaning."""

MODEL_CHARS_MAX: Final = 200
"""A longer text is taken for no model's name."""

_DATE: Final = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})$")
_LABEL: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")
_SIGNS: Final = re.compile(r"[^a-z0-9_-]+")
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9]{16,}")


@dataclass(frozen=True, slots=True)
class Event:
    """One call. `at_s` is when it began, in seconds since 1970 or since anything else that the whole log shares.

    `kind` is `OK`, a name of the fakes' failures, or one of `OWN_KINDS`. `first_s` is the time to the first byte of the
    answer, `latency_s` to its last, both in seconds since `at_s`.
    """

    at_s: float
    provider: str
    dialect: str
    kind: str = OK
    status: int | None = None
    model: str | None = None
    first_s: float | None = None
    latency_s: float | None = None
    stream: bool | None = None
    retry_after_s: float | None = None

    def __post_init__(self) -> None:
        if self.kind and self.kind not in KINDS and self.kind not in OWN_KINDS:
            raise ValueError("a call's kind must be a name from the list")


@dataclass(slots=True)
class Log:
    """A file, read: its calls by time, what a person should know about the reading, and what the file was."""

    events: list[Event]
    what: str
    """Its format, e.g. ``a HAR``."""
    notes: list[str] = field(default_factory=list)

    @property
    def span_s(self) -> float:
        """Seconds from the first call to the last."""
        return self.events[-1].at_s - self.events[0].at_s


def in_order(found: Iterable[Event], what: str, where: str, notes: list[str]) -> Log:
    """The calls in order of time.

    Args:
        found: Calls as the file has them; the reader stops being asked after `ROWS_MAX`.
        what: The file's format.
        where: The file.
        notes: What the reader has to say; it may go on adding while `found` is read.

    Raises:
        HarnessError: when there are none, too many, or of too many providers.
    """
    events: list[Event] = []
    back = 0
    for each in found:
        if len(events) == ROWS_MAX:
            advice = "compile a part of it: the minutes around the incident"
            raise HarnessError(f"the log has more than {ROWS_MAX:,} calls", where, advice)
        if events and each.at_s < events[-1].at_s:
            back += 1
        events.append(each)
    if not events:
        told = f" ({'; '.join(notes)})" if notes else ""
        raise HarnessError(f"no usable call in {what}{told}", where, "a call needs a time, a provider and a status")
    if len({each.provider for each in events}) > PROVIDERS_MAX:
        advice = "choose another column for the provider, or compile a part of the log"
        raise HarnessError(f"the log names more than {PROVIDERS_MAX} providers", where, advice)
    if back:
        notes.append(f"{back:,} of {len(events):,} rows were out of order and have been sorted by time")
    events.sort(key=lambda each: each.at_s)
    notes += _hole(events)
    return Log(events, what, notes)


def _hole(events: Sequence[Event]) -> list[str]:
    """A note if most of a log's time is one stretch without a call: a time that is wrong stretches all the rest."""
    gap_s, place = max(((two.at_s - one.at_s, at) for at, (one, two) in enumerate(pairwise(events), 1)), default=(0, 0))
    if gap_s < HOLE_S_MIN or gap_s < HOLE_SHARE_MIN * (events[-1].at_s - events[0].at_s):
        return []
    told = f"{place:,} calls, then none for {gap_s / 3600:,.0f} h, then {len(events) - place:,} calls"
    return [f"{told}: if a time is wrong, leave that row out; else compile the part that matters"]


@cache
def _public_models() -> frozenset[str]:
    return frozenset(yaml.safe_load(TABLE_FILE.read_text("utf-8"))["models"])


def public_model(name: object) -> str | None:
    """`name`, its date dropped, if it is a model of the public price list; None for any other.

    The name of a fine-tuned model or of a deployment tells whose it is, or what it is for.
    """
    if not isinstance(name, str) or len(name) > MODEL_CHARS_MAX:
        return None
    base = _DATE.sub("", name)
    return base if base in _public_models() else None


class Names:
    """Names of providers: the user's own words where they look like names, else the vendor and a number."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def of(self, label: str, dialect: str) -> str:
        """The name for all calls whose provider is `label`, which is only shown if it looks like a name."""
        known = self._given.get(label)
        if known is None:
            if len(self._given) > PROVIDERS_MAX:
                return dialect  # more than a scenario holds: refused when all are read, so their names don't matter
            wanted = _SIGNS.sub("_", label.lower()).strip("_-") if self._is_name(label) else dialect
            known = self._free(wanted)
            self._given[label] = known
        return known

    def vendor(self, key: str, dialect: str) -> str:
        """The name for all calls to `key`, a host, which is never shown."""
        known = self._given.get(key)
        if known is None:
            if len(self._given) > PROVIDERS_MAX:
                return f"{dialect}_more"
            known = self._given[key] = self._free(dialect)
        return known

    def _free(self, wanted: str) -> str:
        taken = set(self._given.values())
        numbered = (f"{wanted[:28]}_{number}" for number in range(2, PROVIDERS_MAX + 9))
        return next(each for each in (wanted, *numbered) if each not in taken)

    @staticmethod
    def _is_name(label: str) -> bool:
        return bool(_LABEL.fullmatch(label)) and redact(label) == label and not _LONG_WORD.search(label)
