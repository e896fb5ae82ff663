"""Reads a log that has a row a call: CSV, a JSON list of objects, or NDJSON (an object a line)."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson

from ..errors import HarnessError
from . import vendors
from .classify import classify
from .columns import COLUMNS_MAX, choose
from .events import Event, Log, Names, in_order, public_model
from .exchange import LATENCY_S_MAX, RETRY_AFTER_S_MAX
from .har import read_json
from .times import NoMomentError, parse_latency, parse_moment, unit_named

BYTES_MAX: Final = 2 * 1024**3
"""Largest CSV or NDJSON log, in bytes."""
JSON_BYTES_MAX: Final = 256 * 1024 * 1024
"""Largest JSON list, in bytes: it is read whole."""
LINE_CHARS_MAX: Final = 1024 * 1024
"""Longest line."""
ROWS_LOOKED_AT: Final = 10_000
"""Objects at a log's beginning whose fields are its columns."""
SECONDS_MEDIAN_MAX: Final = 120.0
"""Latencies whose median is larger, in a column that names no unit, are milliseconds."""
CLOCK_CHANGE_S: Final = (3300.0, 3900.0)
"""By how much a clock goes back when summer time ends, in seconds, with some room."""

Row = Mapping[str, Any]
_GOOD: Final = frozenset({"ok", "success", "succeeded", "true", "completed"})
_BAD: Final = frozenset({"error", "fail", "failed", "failure", "false"})
_NOTHING: Final = frozenset({"", "-", "0", "none", "null", "nan"})
_STATUS_LINE: Final = re.compile(r"(?:http/[0-9.]+ +)?([1-5](?:[0-9]{2}|xx))(?:[ :,-]+[a-z].*)?")
"""A status with its reason, as in ``HTTP/1.1 429 Too Many Requests``, or its class alone, as in ``2xx``."""


def read_csv(path: Path, columns: Mapping[str, str]) -> Log:
    """The calls of a CSV log, its columns named by its first line and parted by commas, semicolons or tabs.

    Raises:
        HarnessError: when it is none, too large, lacks a column, or has no usable call.
    """
    _bounded(path, "a CSV log")
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        head = file.readline(LINE_CHARS_MAX)
        sign = max(",;\t", key=head.count)
        first = next(csv.reader(io.StringIO(head), delimiter=sign), [])[:COLUMNS_MAX]
        chosen = choose([each.strip() for each in first], columns, f"{path}:1")
        rows = csv.DictReader(_lines(file, path), fieldnames=[each.strip() for each in first], delimiter=sign)
        return _log(_csv_rows(rows, path), chosen, "a CSV log", str(path), "," if sign == ";" else ".")


def _csv_rows(rows: csv.DictReader[str], path: Path) -> Iterator[Row]:
    try:
        yield from rows
    except csv.Error:
        where, advice = f"{path}:{rows.line_num + 1}", "mend the quotes on that line, or leave long texts out"
        raise HarnessError("no valid CSV", where, advice) from None


def read_json_list(path: Path, columns: Mapping[str, str]) -> Log:
    """The calls of a JSON list of objects.

    Raises:
        HarnessError: as `read_csv`.
    """
    what = "a JSON list"
    rows = read_json(path, JSON_BYTES_MAX, what)
    if not isinstance(rows, list):
        raise HarnessError("this is no JSON list", str(path), "write a list of objects, or an object a line (NDJSON)")
    return _objects(rows, columns, what, path)


def read_ndjson(path: Path, columns: Mapping[str, str]) -> Log:
    """The calls of an NDJSON log; lines that are no object are counted and left out.

    Raises:
        HarnessError: as `read_csv`.
    """
    _bounded(path, "an NDJSON log")
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return _objects(map(_parsed, _lines(file, path)), columns, "an NDJSON log", path)


def _objects(rows: Iterable[Any], columns: Mapping[str, str], what: str, path: Path) -> Log:
    found = iter(rows)
    begun = list(islice(found, ROWS_LOOKED_AT))
    objects = [each for each in begun if isinstance(each, dict)]
    if not objects:
        raise HarnessError(f"no object in {what}", str(path), "write an object a call, with a time, provider, status")
    # not of the first one alone: only calls that failed have an error, and a log may begin with something else
    names = dict.fromkeys(str(name) for each in objects for name in each)
    chosen = choose(list(names)[:COLUMNS_MAX], columns, f"{path}:1")
    all_ = (each if isinstance(each, dict) else {} for each in chain(begun, found))
    return _log(all_, chosen, what, str(path))


def _bounded(path: Path, what: str) -> None:
    if path.stat().st_size > BYTES_MAX:
        advice = "compile a part of it: the minutes around the incident"
        raise HarnessError(f"the file is larger than {BYTES_MAX >> 30} GiB, too large for {what}", str(path), advice)


def _lines(file: io.TextIOWrapper, path: Path) -> Iterator[str]:
    number = 1
    while line := file.readline(LINE_CHARS_MAX + 1):
        number += 1
        if len(line) > LINE_CHARS_MAX:
            where, advice = f"{path}:{number}", "leave the texts out: time, provider, status and latency are enough"
            raise HarnessError(f"a line is longer than {LINE_CHARS_MAX >> 20} MiB", where, advice)
        yield line


def _parsed(line: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _log(rows: Iterable[Row], chosen: Mapping[str, str], what: str, where: str, point: str = ".") -> Log:
    notes: list[str] = []
    reader = _Reader(chosen, where, point)
    log = in_order(reader.events(rows, notes), what, where, notes)
    _check_zones(reader, where)
    _guess_units(log, chosen)
    return log


def _check_zones(reader: _Reader, where: str) -> None:
    if len(reader.written) > 1:
        advice = "write every time with its zone, such as 2026-11-20T12:00:00Z, or every one as a number"
        ways = " and ".join(sorted(_WAYS[each] for each in reader.written))
        raise HarnessError(f"the log mixes times {ways}: they can't be ordered", where, advice)


_WAYS: Final = {"zoned": "with a zone", "naive": "without a zone", "epoch": "as numbers"}


def _guess_units(log: Log, chosen: Mapping[str, str]) -> None:
    """Turn latencies that can't be seconds into seconds, where the column's name tells no unit."""
    for name, its in (("latency", "latency_s"), ("ttft", "first_s")):
        if name not in chosen or unit_named(chosen[name]) is not None:
            continue
        known = [seconds for each in log.events if (seconds := getattr(each, its)) is not None]
        if known and median(known) > SECONDS_MEDIAN_MAX:
            log.events[:] = [
                each if (was := getattr(each, its)) is None else replace(each, **{its: was / 1000})
                for each in log.events
            ]
            log.notes.append(f"{name}: taken for milliseconds; the column's name can tell, as in {name}_ms")


@dataclass
class _Reader:
    """Turns rows into calls, and remembers how they were written."""

    chosen: Mapping[str, str]
    where: str
    point: str = "."
    """What parts a latency's whole from its decimals: a comma where semicolons part the columns."""
    written: set[str] = field(default_factory=set)
    """How its times were written."""
    names: Names = field(default_factory=Names)
    _last_s: float | None = None

    def events(self, rows: Iterable[Row], notes: list[str]) -> Iterator[Event]:
        """The calls of `rows`."""
        broken, strange, guessed, back_at = 0, 0, False, None
        for number, row in enumerate(rows, 2):
            label = self._text(row, "provider")
            try:
                at_s = self._at_s(row)
                status, word = _status(self._text(row, "status"))
            except NoMomentError:
                strange += self._has_strange_time(row)
                broken += 1
                continue
            if not label:
                broken += 1
                continue
            if back_at is None and self._went_back(at_s):
                back_at = number
            self._last_s = at_s
            dialect = vendors.by_label(label)
            guessed = guessed or dialect is None
            yield self._event(row, at_s, label, dialect or vendors.DEFAULT, (status, word))
        if broken:
            notes.append(f"{broken:,} rows lack a time, a provider or a status, and were left out")
        if strange:
            notes.append(
                f"the times of {strange:,} rows can't be read; write them as 2026-11-20T12:00:00Z, or a number"
            )
        if guessed:
            notes.append(f"some providers tell no vendor by their name; they were taken to speak as {vendors.DEFAULT}")
        if self.written == {"naive"}:
            notes.append("times without a zone were taken for UTC")
            if back_at is not None:
                notes.append(f"times go back by an hour at row {back_at:,}: if a clock was changed, give them a zone")

    def _event(self, row: Row, at_s: float, label: str, dialect: str, answered: tuple[int | None, str]) -> Event:
        status, word = answered
        error = self._text(row, "error")
        latency_s, first_s = self._seconds(row, "latency"), self._seconds(row, "ttft")
        if "time" not in self.chosen and latency_s is not None:
            at_s -= latency_s
        wait = self._seconds(row, "retry_after")
        host = vendors.host_in(label)
        return Event(
            at_s=at_s,
            provider=self.names.vendor(host, dialect) if host else self.names.of(label, dialect),
            dialect=dialect,
            kind=classify(dialect, status, error or word),
            status=status,
            model=public_model(self._text(row, "model")),
            first_s=first_s,
            latency_s=latency_s,
            stream={"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
                self._text(row, "stream").lower()
            ),
            retry_after_s=wait if wait is not None and wait <= RETRY_AFTER_S_MAX else None,
        )

    def _at_s(self, row: Row) -> float:
        at_s, way = parse_moment(self._text(row, "time" if "time" in self.chosen else "end"))
        self.written.add(way)
        return at_s

    def _has_strange_time(self, row: Row) -> bool:
        """Whether a row has a time, but in a form that isn't known."""
        text = self._text(row, "time" if "time" in self.chosen else "end")
        try:
            parse_moment(text)
        except NoMomentError:
            return bool(text)
        return False

    def _went_back(self, at_s: float) -> bool:
        return self._last_s is not None and CLOCK_CHANGE_S[0] <= self._last_s - at_s <= CLOCK_CHANGE_S[1]

    def _seconds(self, row: Row, name: str) -> float | None:
        column = self.chosen.get(name)
        text = self._text(row, name)
        if column is None or not text:
            return None
        try:
            found = parse_latency(text.replace(self.point, "."), unit_named(column))
        except NoMomentError:
            return None
        # as milliseconds it may still be believed: `_guess_unit` decides when all are known
        return found if 0 <= found <= LATENCY_S_MAX * 1000 else None

    def _text(self, row: Row, name: str) -> str:
        column = self.chosen.get(name)
        if column is None:
            return ""
        value: Any = row.get(column)
        if value is None and "." in column:
            value = row
            for part in column.split("."):
                value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, dict | list):
            value = json.dumps(value)
        return "" if value is None else str(value).strip()


def _status(text: str) -> tuple[int | None, str]:
    """The HTTP status that a text says, None if no response came, and the text if it is no number.

    Raises:
        NoMomentError: when it is no status.
    """
    plain = text.strip().lower()
    if plain in _GOOD:
        return 200, ""
    if plain in _BAD:
        return 500, ""
    if plain in _NOTHING:
        return None, ""
    if line := _STATUS_LINE.fullmatch(plain):
        return int(line[1].replace("x", "0")), ""
    digits = plain.rpartition(" ")[2].partition(".")[0]
    if digits.isdecimal() and len(digits) <= 3:
        number = int(digits)
        if 100 <= number <= 599:
            return number, ""
        raise NoMomentError("no status")
    return None, plain
