"""The response headers of a recorded attempt: the ledger has none, so they are made again, and proved by the body.

A refusal is a pure function of the vendor, the failure, the seed, the attempt and the moment, all of which a run's
folder has. Where it gives the recorded body again, byte for byte, its headers are those that were sent. Where it
doesn't, nothing is said of the headers but what the body tells of its own kind.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from ..fakes import dialects
from ..fakes.dialects.base import Ask, Dialect, Reply, UnknownFailureError
from ..reports.manifest import Manifest
from ..scenarios.entry import Entry
from . import faults, standings
from .chance import chance
from .faults.base import Context, Fault, Respond
from .faults.spoken import Spoken
from .ledger import EVIDENCE_BYTES_MAX
from .redact import redact

Header = list[Any]
"""A name and a value; of a value that is a moment also its form, and how many seconds ahead of the request it was."""
FRAMING: Final = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers of one connection, which the script writes itself."""
JOINT: Final = "+"
"""Between the entries that bit one attempt."""
LATER_S: Final = 3_600_000.0
"""How much later a refusal is made once more, to see which of its headers are moments, in seconds."""
_NEVER_SENT: Final = "not-a-header"


@dataclass(frozen=True)
class Sent:
    """The headers of a response.

    Attributes:
        headers: What is known of them.
        whole: Whether these are all, proved by the body.
        unknown: Names of headers that the vendor sends with such a response, whose values were not recorded.
    """

    headers: Sequence[Header]
    whole: bool = False
    unknown: Sequence[str] = ()


def sent(manifest: Manifest, attempts: Sequence[Mapping[str, Any]], row: Mapping[str, Any], kind: str) -> Sent:
    """The headers of an attempt's response.

    Args:
        manifest: Of its run.
        attempts: All of the call's attempts.
        row: The attempt, one of them.
        kind: The content type that its body tells.
    """
    told: list[Header] = [["content-type", kind]]
    if not row["status"]:
        return Sent([], whole=True)
    given = manifest.scenario.providers.get(str(row["provider"]))
    if given is None or not row["fault"] or row["path"] is None:
        return Sent(told)
    made = _Made(manifest, attempts, row, dialects.find(given.dialect, given.service))
    unknown: list[str] = []
    for entry in made.entries():
        for first, later in made.replies(entry):
            if made.is_recorded(first) and not made.counts(entry):
                return Sent(list(_headers(first, later, made.wall_s)), whole=True)
            if first.status == row["status"]:
                unknown += [name for name, _ in first.headers if name not in {*FRAMING, "content-type", *unknown}]
        told = made.changed(entry, told)
    return Sent(told, unknown=unknown)


class _Made:
    """An attempt's response, made again."""

    def __init__(
        self, manifest: Manifest, attempts: Sequence[Mapping[str, Any]], row: Mapping[str, Any], dialect: Dialect
    ) -> None:
        self._manifest = manifest
        self._row = row
        self._dialect = dialect
        self._provider = str(row["provider"])
        self.wall_s = _wall_s(manifest, int(row["received_ns"]))
        theirs = sorted(_number(each) for each in attempts if each["provider"] == self._provider)
        self._nth = theirs.index(_number(row)) + 1
        model = row["model"]
        self._ask = None if model is None else Ask(model, bool(row["stream"]), text="", mark=None, input_tokens=0)

    def entries(self) -> Iterator[Entry]:
        """The entries that bit the attempt, in order."""
        bitten = str(self._row["fault"]).split(JOINT)
        for index, entry in enumerate(self._manifest.scenario.timeline):
            if entry.id_at(index) in bitten:
                yield entry

    def replies(self, entry: Entry) -> Iterator[tuple[Reply, Reply]]:
        """What the entry may have answered: as it was then, and as it would have been `LATER_S` later."""
        say = self._refused if entry.standing is not None else self._spoken
        try:
            yield from zip(say(entry, self.wall_s), say(entry, self.wall_s + LATER_S), strict=True)
        except (UnknownFailureError, ValueError, TypeError, LookupError, ArithmeticError):
            return  # of a scenario that a later version reads otherwise

    def is_recorded(self, reply: Reply) -> bool:
        """Whether it is what the ledger has of the attempt: status and the whole of a body that is there."""
        recorded = self._row["evidence"]
        if reply.status != self._row["status"] or not recorded or self._row["ended_by"] != "complete":
            return False
        return redact(reply.body[:EVIDENCE_BYTES_MAX].decode("utf-8", "replace")) == redact(recorded)

    def counts(self, entry: Entry) -> bool:
        """Whether the headers have figures of buckets, which nobody wrote down: they go with a fake's own refusals."""
        if entry.standing is None:
            return False
        staged = [each for each in self._manifest.scenario.timeline if each.standing and self._provider in each.on]
        return any(standings.find(each.standing or "").phase == "quota" for each in staged)

    def changed(self, entry: Entry, headers: list[Header]) -> list[Header]:
        """`headers` of the provider's own response, as an entry passed them on that only changed some."""
        if entry.fault is None:
            return headers
        fault = self._fault(entry)
        before = [(str(name), str(value)) for name, value in headers]
        _, after = fault.on_head(self._context(self.wall_s), int(self._row["status"]), before)
        return [[name, value] for name, value in after if name not in FRAMING]

    def _spoken(self, entry: Entry, wall_s: float) -> list[Reply]:
        fault, context = self._fault(entry), self._context(wall_s)
        if isinstance(fault, Spoken):
            return [fault.say(context)]
        action = fault.on_request(context)
        return [action.reply] if isinstance(action, Respond) else []

    def _refused(self, entry: Entry, wall_s: float) -> list[Reply]:
        """What the fake said of an account or a model in bad standing; a quota's figures are its own."""
        standing = standings.find(entry.standing or "").model_validate(entry.with_)
        about = {"credential": self._dialect.key_example, "model": self._row["model"], "now_s": wall_s}
        details = about | dict(getattr(standing, "details", {}))
        if standing.phase == "quota":
            details["retry_after"] = 1  # only so that its header is named: the wait itself was not recorded
        kinds = [each for each in standing.failure_kinds if each in self._dialect.failures]
        return [self._dialect.failure(kind, details, id_seed=self._fakes_seed(kind), ask=self._ask) for kind in kinds]

    def _fault(self, entry: Entry) -> Fault:
        fault = faults.find(entry.fault or "").model_validate(entry.with_)
        span = self._manifest.scenario.span(entry, self._provider).moved(self._manifest.t0_ns or 0)
        since_ns = int(self._row["received_ns"]) - span.from_ns
        return fault.in_window(since_ns / 1e9, (span.until_ns - span.from_ns) / 1e9)

    def _context(self, wall_s: float) -> Context:
        draw = chance(self._manifest.seed, "fault", self._provider, str(self._row["call"]), self._nth)
        return Context(self._dialect, self._provider, self._ask, int(draw * 2**53), wall_s, str(self._row["path"]))

    def _fakes_seed(self, kind: str) -> int:
        """The seed of a refusal's ids, as `banstorm.fakes.app` makes it."""
        text = f"{self._manifest.seed}\x1fid\x1f{self._provider}\x1f{kind}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big")


def _number(row: Mapping[str, Any]) -> int:
    """Which attempt of the run it was: the order in which they were decided."""
    return int(str(row["attempt"]).rpartition("-")[2], 16)


def _wall_s(manifest: Manifest, at_ns: int) -> float:
    """A moment of the ledger in seconds since 1970, by the nearest anchor."""
    anchor = min(manifest.anchors, key=lambda each: abs(each.monotonic_ns - at_ns), default=None)
    if anchor is None:
        return 0.0
    return datetime.fromisoformat(anchor.wall).timestamp() + (at_ns - anchor.monotonic_ns) / 1e9


def _headers(reply: Reply, later: Reply, wall_s: float) -> Iterator[Header]:
    moved = dict(later.headers)
    for name, value in reply.headers:
        if name in FRAMING:
            continue
        read = _moment(value) if moved.get(name, _NEVER_SENT) != value else None
        yield [name, value] if read is None else [name, value, read[0], round(read[1] - wall_s)]


def _moment(value: str) -> tuple[str, float] | None:
    """The form of a moment and the moment in seconds since 1970; None if it is none."""
    if re.fullmatch(r"\d{9,10}", value):
        return "seconds", float(value)
    if re.fullmatch(r"\d{12,13}", value):
        return "milliseconds", float(value) / 1000
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value):
        return "rfc 3339", datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    try:
        return "http", parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None
