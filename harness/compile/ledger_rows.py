"""Reads the `attempts` of a run's own ledger, so that a run can be compiled into a scenario again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from ..errors import HarnessError
from .classify import classify
from .events import CUT, NO_ANSWER, OK, RESET, Event, Log, in_order, public_model
from .exchange import seconds

RUN_BYTES_MAX: Final = 16 * 1024 * 1024
"""Largest run.json, in bytes."""
LINE_BYTES_MAX: Final = 1024 * 1024
"""Longest line of a ledger, in bytes; longer ones are left out."""
WHAT: Final = "a run's ledger"


def read(folder: Path) -> Log:
    """The attempts of the run in `folder` from its time 0 on.

    Raises:
        HarnessError: when it is no run's folder, or has no usable attempt.
    """
    where = folder / "run.json"
    try:
        if where.stat().st_size > RUN_BYTES_MAX:
            raise HarnessError(f"run.json is larger than {RUN_BYTES_MAX >> 20} MiB", str(where), "give another folder")
        run = orjson.loads(where.read_bytes())
        dialects = {name: each["dialect"] for name, each in run["scenario"]["providers"].items()}
        t0_ns = int(run["t0_ns"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        advice = "give a run's folder, such as runs/20261120T112726-sudden_ban-reference-50b025, or a log file"
        raise HarnessError("the folder holds no run that began", str(folder), advice) from error
    log = in_order(_events(folder / "ledger", dialects, t0_ns), WHAT, str(folder), [])
    log.notes.clear()  # attempts are written when they are over, so they never are in order
    return log


def _events(folder: Path, dialects: Mapping[str, str], t0_ns: int) -> Iterator[Event]:
    for path in sorted(folder.glob("*.ndjson")):
        with path.open("rb") as file:
            while line := file.readline(LINE_BYTES_MAX):
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue  # a torn last line, or the rest of one that is too long
                if not isinstance(row, dict) or row.get("table") != "attempts" or row.get("provider") not in dialects:
                    continue
                if row["received_ns"] >= t0_ns and row["ended_by"] != "run":
                    yield _event(row, dialects[row["provider"]])


def _event(row: Mapping[str, Any], dialect: str) -> Event:
    began, first, status = row["received_ns"], row["first_byte_ns"], row["status"]
    kind = classify(dialect, status, row["evidence"] or "")
    if not status:
        kind = NO_ANSWER if row["ended_by"] == "router" else RESET
    elif kind == OK and row["ended_by"] in {"fault", "provider"}:
        kind = CUT
    whole = row["ended_by"] == "complete"
    return Event(
        at_s=began / 1e9,
        provider=row["provider"],
        dialect=dialect,
        kind=kind,
        status=status,
        model=public_model(row["model"]),
        first_s=None if first is None else seconds((first - began) / 1e9),
        latency_s=seconds((row["ended_ns"] - began) / 1e9) if whole else None,
        stream=row["stream"],
    )
