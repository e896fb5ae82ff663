"""A scorecard: routers × scenarios, a cell each, with the measures behind it. Light: pydantic only.

``scorecard.json`` in the scorecard's folder is this model. It is written anew after each cell, so that an interrupted
scorecard keeps what there is, and the pages are made from it alone. What a person found out by hand stands beside it,
in ``notes.yaml``, and is laid over the cells whenever the pages are made.
"""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import UnreadableRunError
from .neutral import evidence
from .recorded import worst
from .result import Result, State

FILE: Final = "scorecard.json"
"""The scorecard itself, in its folder."""
NOTES: Final = "notes.yaml"
"""What was checked by hand, in the same folder."""
RUNS: Final = "runs"
"""Folder of the runs, in the same folder."""
FORMAT: Final = 1
NOTES_BYTES_MAX: Final = 256 * 1024
"""Longest file of notes read, in bytes."""
NOTE_CHARS_MAX: Final = 2000
"""Longest note shown, in characters."""
MEASURES: Final = {
    "lost_calls": "lost",
    "silent_losses": "silent",
    "time_to_fail_over": "failover",
    "time_to_recover": "recovery",
    "retry_amplification": "amplification",
    "cost_increase": "cost",
}
"""The measures behind each cell, and the column's head."""
NOTES_HEAD: Final = """\
# What was checked by hand, for the cells that failed. `banstorm scorecard --render` lays it over the table.
#
# litellm:
#   sudden_ban:
#     note: With curl alone the proxy answered 403 as well; its fallback list was not asked.
#     checked: 2026-01-31
"""


class Standing(StrEnum):
    """What became of a cell."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    UNAVAILABLE = "unavailable"  # the target could not be installed or started
    UNSUITABLE = "unsuitable"  # the target can't be given such a scenario
    PENDING = "pending"  # its turn has not come


SETTLED: Final = frozenset({Standing.PASS, Standing.FAIL, Standing.UNSUITABLE})
"""What is not played again."""


class _Part(BaseModel):
    # What another version added is passed over; what this one writes has nothing that its schema does not name.
    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})


class Note(_Part):
    """What a person found out about a cell."""

    model_config = ConfigDict(extra="forbid")

    note: str
    checked: date | None = None


class Row(_Part):
    """A target."""

    name: str = Field(description="as it was asked for, such as litellm:tuned")
    label: str
    kind: str
    version: str | None = None
    detail: str | None = None
    settings: list[str] = Field(default_factory=list, description="what departs from the vendor's defaults")


class Column(_Part):
    """A scenario."""

    name: str
    title: str
    story: str = ""


class Cell(_Part):
    """A target's run of a scenario."""

    target: str
    scenario: str
    standing: Standing = Standing.PENDING
    key: str = Field(default="", description="fingerprint of all that decides what is played")
    command: str = ""
    seed: int | None = None
    dialect: str | None = Field(default=None, description="dialect that all providers were given, for this target")
    tries: int = 0
    took_s: float = 0.0
    played: str = Field(default="", description="when, ISO 8601")
    run: str | None = Field(default=None, description="the run's folder, in the scorecard's folder of runs")
    sentence: str = ""
    broken: list[str] = Field(default_factory=list)
    evidence: str = Field(default="", description="of a fail: what happened, in two sentences")
    reasons: list[str] = Field(default_factory=list)
    measures: dict[str, str] = Field(default_factory=dict)
    note: Note | None = None

    def judged(self, result: Result) -> None:
        """Take over what a run has shown."""
        self.standing = Standing(result.verdict.value)
        self.command = result.run.command
        self.seed = result.run.seed
        self.sentence = result.sentence
        self.broken = [
            f"{each.measure} {each.wanted}: {each.found}" for each in result.expectations if each.state is State.BROKEN
        ]
        self.evidence = evidence(result)
        self.reasons = result.reasons if self.standing is Standing.INCONCLUSIVE else []
        self.measures = {key: told for key in MEASURES if (told := _told(result, key))}


def _told(result: Result, key: str) -> str:
    """A measure as a person reads it: where it was judged that value, else the whole run's or the worst episode's."""
    judged = next((each.found for each in result.expectations if each.measure == key), None)
    if judged is not None:
        return judged
    found = next((each for each in result.findings if each.key == key), None)
    # None of what a cell tells is the better for being more.
    value = None if found is None else worst(key, found.values, badness=float)
    return value.text if value is not None else ""


class Difference(_Part):
    """A cell that another scorecard judged otherwise."""

    target: str
    scenario: str
    here: Standing
    there: Standing
    broken: str = Field(description="what broke in the one that failed")
    command: str = Field(description="repeats the other one")


class Repeat(_Part):
    """How another scorecard of the same targets and scenarios came out."""

    seed: int | None = None
    made: str = ""
    cells: int = Field(description="that both have judged")
    same: int
    untold: int = Field(description="that one of the two could not judge")
    differences: list[Difference] = Field(default_factory=list)

    @property
    def told(self) -> str:
        """In a sentence."""
        seed = "each scenario's own seed" if self.seed is None else f"seed {self.seed}"
        untold = f"; {self.untold} more could not be judged in one of the two" if self.untold else ""
        return f"Repeated with {seed}: {self.same} of {self.cells} cells came out the same{untold}."


class Scorecard(_Part):
    """Everything that the pages need."""

    format: Literal[1] = FORMAT
    title: str = "banstorm scorecard"
    made: str = Field(default="", description="when it was last played, ISO 8601")
    command: str = ""
    banstorm: str = ""
    seed: int | None = Field(default=None, description="null: each scenario's own")
    rate: str | None = Field(default=None, description="null: each scenario's own")
    tries: int = 1
    machine: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, Any] = Field(default_factory=dict)
    targets: list[Row] = Field(default_factory=list)
    scenarios: list[Column] = Field(default_factory=list)
    cells: list[Cell] = Field(default_factory=list)
    repeat: Repeat | None = None

    def cell(self, target: str, scenario: str) -> Cell:
        """The cell of the two, made if there is none yet."""
        for each in self.cells:
            if (each.target, each.scenario) == (target, scenario):
                return each
        self.cells.append(Cell(target=target, scenario=scenario))
        return self.cells[-1]

    def count(self, standing: Standing) -> int:
        """How many cells of the table stand so."""
        return sum(each.standing is standing for each in self.shown)

    @property
    def shown(self) -> list[Cell]:
        """The cells of the table, row by row."""
        return [self.cell(row.name, column.name) for row in self.targets for column in self.scenarios]

    def save(self, folder: Path) -> None:
        """Write it into its folder, whole or not at all.

        Raises:
            OSError: when it can't be written.
        """
        partial = folder / f".{FILE}.partial"
        partial.write_text(self.model_dump_json(indent=1) + "\n", "utf-8", errors="replace")
        partial.replace(folder / FILE)


def read(folder: Path) -> Scorecard:
    """The scorecard in `folder`.

    Raises:
        UnreadableRunError: when there is none, or none that this version reads.
    """
    path = folder / FILE
    try:
        told = json.loads(path.read_text("utf-8"))
        if told.get("format") != FORMAT:
            raise UnreadableRunError(
                f"the scorecard has format {told.get('format')!r}, this banstorm reads format {FORMAT}",
                str(path),
                "use the banstorm version that made it",
            )
        return Scorecard.model_validate(told)
    except OSError as error:
        advice = "name a folder that `banstorm scorecard` made"
        raise UnreadableRunError(f"there is no scorecard: {error.strerror}", str(path), advice) from error
    except (ValueError, AttributeError) as error:
        first = str(error).splitlines()[0]
        advice = "move it away, and make it again: the runs beside it are kept"
        raise UnreadableRunError(f"this is no scorecard: {first}", str(path), advice) from error


def lay_notes(card: Scorecard, folder: Path) -> list[str]:
    """Lay the notes in `folder` over the cells; what the file says of cells that there are not.

    Raises:
        UnreadableRunError: when the file can't be understood.
    """
    for each in card.cells:
        each.note = None
    path = folder / NOTES
    if not path.exists():
        return []
    strange = []
    for target, scenarios in _notes(path).items():
        for scenario, told in (scenarios or {}).items():
            there = [each for each in card.cells if (each.target, each.scenario) == (target, scenario)]
            for each in there:
                each.note = _note(told, path, f"{target}.{scenario}")
            strange += [] if there else [f"{target} × {scenario}"]
    return strange


def _notes(path: Path) -> dict[str, dict[str, Any] | None]:
    advice = "write it as its first lines show"
    try:
        data = path.read_bytes()
        if len(data) > NOTES_BYTES_MAX:
            raise UnreadableRunError(f"the notes are longer than {NOTES_BYTES_MAX} bytes", str(path), "shorten them")
        told = yaml.safe_load(data) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnreadableRunError(f"the notes can't be read: {error}".splitlines()[0], str(path), advice) from error
    if not isinstance(told, dict) or not all(each is None or isinstance(each, dict) for each in told.values()):
        raise UnreadableRunError("the notes are not keyed by target and scenario", str(path), advice)
    return told


def _note(told: object, path: Path, where: str) -> Note:
    try:
        note = Note.model_validate({"note": told} if isinstance(told, str) else told)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        advice = "a note has the keys note and checked, or is a text alone"
        raise UnreadableRunError(f"{where}: {first['msg'].lower()}", str(path), advice) from None
    return note.model_copy(update={"note": note.note[:NOTE_CHARS_MAX]})
