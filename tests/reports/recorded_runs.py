"""Recorded runs made up for tests, without a ledger: what their report.json says of verdict and measures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from banstorm.reports.gather import Gathered
from banstorm.reports.measures import find
from banstorm.reports.recorded import Found, Recorded

EXPECTED = ("lost_calls", "time_to_fail_over")
Measures = dict[str, Any]
"""A measure's value by its key; a pair of a value and "≥" for one whose end was not seen; None for one not known."""


def report(
    seed: int = 1,
    verdict: str = "pass",
    measures: Measures | None = None,
    *,
    scenario: str = "sudden_ban",
    target: str = "reference",
    started: str = "2026-01-04T12:00:00+00:00",
    expected: tuple[str, ...] = EXPECTED,
    **run: Any,
) -> dict[str, Any]:
    """The parts of a report.json that are compared, and one that no version knows."""
    return {
        "format": 1,
        "verdict": verdict,
        "sentence": f"{target}: {verdict}.",
        "first_broken": "lost_calls" if verdict == "fail" else None,
        "a_later_version_s": [1],
        "run": {
            "folder": f"{scenario}-{target}-{seed}",
            "scenario": scenario,
            "title": scenario.replace("_", " ").capitalize(),
            "target": target,
            "seed": seed,
            "command": f"banstorm run {scenario} --target {target} --seed {seed}",
            "started": started,
            "banstorm": "0.1.0",
            **run,
        },
        "expectations": [
            {"measure": each, "wanted": "<= 1", "found": "0", "state": "met", "note": None} for each in expected
        ],
        "findings": [_finding(key, value) for key, value in (measures or {}).items()],
    }


def _finding(key: str, value: Any) -> dict[str, Any]:
    measure = find(key)
    censored = isinstance(value, tuple)
    number = value[0] if censored else value
    amounts = {} if number is None else {measure.units[0].value: number}
    if key == "lost_calls" and number is not None:
        amounts["share"] = number / 1000
    value = {"scope": "run", "value": number, "amounts": amounts, "censored": censored, "applies": True}
    return {
        "key": key,
        "unit": measure.units[0].value,
        "smaller_is_better": measure.smaller_is_better,
        "values": [{**value, "text": "", "reason": None, "rows": None}],
    }


def found(*args: Any, name: str | None = None, scenario_text: dict[str, Any] | None = None, **more: Any) -> Found:
    """A run as `gather` finds it."""
    recorded = Recorded.model_validate(report(*args, **more))
    return Found(recorded, Path("runs", name or recorded.run.folder), scenario_text or {})


def side(*runs: Found) -> Gathered:
    """Several of them."""
    return Gathered(Path("runs"), list(runs))


def write(folder: Path, *args: Any, scenario_text: dict[str, Any] | None = None, **more: Any) -> Path:
    """The folder of a run, with its report.json and as much of run.json as is compared."""
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(report(*args, **more)), "utf-8")
    (folder / "run.json").write_text(json.dumps({"format": 1, "scenario": scenario_text or {"load": {}}}), "utf-8")
    return folder
