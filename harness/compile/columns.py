"""Which column of a table says what: by the user's word, else by the names that logs use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ...scenarios.problems import nearest
from ..errors import HarnessError

NEEDED: Final = ("time", "provider", "status")
KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("time", "timestamp", "ts", "at", "date", "datetime", "start", "started", "begin", "received", "created"),
    "end": ("end", "ended", "finished", "completed"),
    "provider": ("provider", "vendor", "customllmprovider", "upstream", "backend", "host", "service", "url", "model"),
    "status": ("status", "statuscode", "httpstatus", "httpstatuscode", "responsecode", "responsestatus", "code"),
    "latency": ("latency", "duration", "elapsed", "responsetime", "requesttime", "took", "totaltime"),
    "ttft": ("ttft", "timetofirsttoken", "timetofirstbyte", "ttfb"),
    "model": ("model", "modelname"),
    "stream": ("stream", "streamed", "streaming", "isstream"),
    "retry_after": ("retryafter",),
    "error": ("error", "errorcode", "errortype", "errorclass", "kind", "failure", "exception", "reason"),
}
"""What a call may have, to the names of columns that say it, most telling first; signs and units don't matter."""
COLUMNS_MAX: Final = 1000
"""Most columns of a table."""
_SHOWN_MAX: Final = 12
_NAME: Final = re.compile(r"[A-Za-z@][A-Za-z0-9_.@-]{0,31}")
_UNIT: Final = re.compile(r"(?:ns|us|ms|s|sec|secs|seconds|millis|milliseconds|at|utc|time)$")


def parse_columns(text: str) -> dict[str, str]:
    """A mapping such as ``time=ts,status=code``.

    Raises:
        HarnessError: when it is none, or names what a call doesn't have.
    """
    chosen: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        field, is_one, column = (each.strip() for each in part.partition("="))
        if not is_one or not column:
            raise HarnessError(f"no column: {part!r}", "--columns", "write them like time=ts,provider=vendor")
        if field not in KNOWN:
            raise HarnessError(f"a call has no {field!r}", "--columns", nearest(field, KNOWN, ""))
        if field in chosen:
            raise HarnessError(f"{field!r} stands twice", "--columns", "give it one column")
        chosen[field] = column
    return chosen


def choose(columns: Sequence[str], wanted: Mapping[str, str], where: str) -> dict[str, str]:
    """The column of each thing that a call has: what the user wanted, else what its name tells.

    Raises:
        HarnessError: when a column that is wanted or needed isn't there.
    """
    for field, column in wanted.items():
        if column not in columns and column.partition(".")[0] not in columns:
            advice = nearest(column, _showable(columns), "")
            raise HarnessError(f"there is no column {column!r} for {field}", where, advice)
    chosen = dict(wanted)
    for field, names in KNOWN.items():
        if field not in chosen and (found := _find(columns, names)):
            chosen[field] = found
    missing = [field for field in NEEDED if field not in chosen and not (field == "time" and "end" in chosen)]
    if missing:
        shown = _showable(columns)[:_SHOWN_MAX]
        told = f"its columns: {', '.join(shown)}" if shown else "its first line must name its columns"
        field = missing[0]
        raise HarnessError(f"no column tells the {field}; {told}", where, f"name it: --columns {field}=COLUMN")
    return chosen


def _find(columns: Sequence[str], names: Sequence[str]) -> str | None:
    plain = {_plain(column): column for column in reversed(columns)}
    bare = {_UNIT.sub("", each): column for each, column in reversed(plain.items())}
    return next((found for each in names if (found := plain.get(each) or bare.get(each))), None)


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]", "", column.lower())


def _showable(columns: Sequence[str]) -> list[str]:
    """Those that look like names; none if there are figures among them: then the first call stands in their place."""
    if any(each[:1].isdigit() for each in columns):
        return []
    return [each for each in columns if _NAME.fullmatch(each)]
