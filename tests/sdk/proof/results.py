"""What really happened, gathered while the tests run and written once every row of this environment has been played."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import players
from .truth import Row, Truth, cases, truths, version

FOLDER = Path(__file__).parents[3] / "build" / "sdk-results"
Key = tuple[str, str, str, str, bool]
"""A row's file, place and name, the client's flavour, and whether it asked for a stream."""


def expected_keys() -> set[Key]:
    """Every key that a whole run in this environment plays."""
    return {
        (truth.name, place, name, flavour, stream)
        for truth, place, name in cases()
        for flavour in players.find(truth.player).flavours
        for stream in truth.streams(place, name)
    }


def versions() -> dict[str, str]:
    """The SDKs of this environment, with their versions."""
    found = {truth.sdk: version(truth.sdk) for truth in truths()}
    return {sdk: number for sdk, number in sorted(found.items()) if number is not None}


def file_name(sdks: Mapping[str, str]) -> str:
    """The name of the file that holds the results of these versions: the next run with them takes its place."""
    return "+".join(f"{sdk}-{number}" for sdk, number in sorted(sdks.items())) + ".json"


class Results:
    """The outcomes of one session of tests."""

    def __init__(self) -> None:
        self._rows: dict[Key, dict[str, Any]] = {}

    def add(self, truth: Truth, place: str, name: str, flavour: str, seen: Row, *, stream: bool) -> None:
        """Keep what one test saw."""
        self._rows[truth.name, place, name, flavour, stream] = {
            "truth": truth.name,
            "title": truth.title,
            "dialect": truth.dialect,
            "sdk": truth.sdk,
            "version": version(truth.sdk),
            "backoffs": {name: backoff["means"] for name, backoff in truth.backoffs.items()},
            "place": place,
            "row": name,
            "flavour": flavour,
            "stream": stream,
            **asdict(seen),
        }

    def write(self, folder: Path = FOLDER, expected: set[Key] | None = None) -> Path | None:
        """Write the results if they are whole: of a part of the tests, or with a failed one, nothing is written.

        Returns:
            The file, or None.
        """
        if set(self._rows) != (expected_keys() if expected is None else expected):
            return None
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / file_name(versions())
        rows = [self._rows[key] for key in sorted(self._rows)]
        path.write_text(json.dumps({"versions": versions(), "rows": rows}, indent=1) + "\n", "utf-8")
        return path
