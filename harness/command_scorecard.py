"""What `banstorm scorecard` does: several targets, several scenarios, a run each, and one table of them all.

It can be ended at any time and goes on where it was: a cell whose run came to a verdict is not played again as long as
nothing that decides it has changed. What fails on the way is a cell that says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ..reports import scorecard_html, scorecard_markdown
from ..reports.errors import ReportError
from ..reports.result import Result
from ..reports.scorecard import (
    NOTES,
    NOTES_HEAD,
    RUNS,
    SETTLED,
    Cell,
    Column,
    Row,
    Scorecard,
    Standing,
    lay_notes,
    read,
)
from ..reports.scorecard_repeat import repeated
from . import events
from .command_run import drive, prepare
from .errors import ChildFailedError, HarnessError, Interrupted, NotReadyError
from .exitcode import Exit
from .lines import tell
from .manifest import machine, version
from .scorecard_cells import Asked, is_of_the_machine, key

if TYPE_CHECKING:
    from .plan import Plan

    Execute = Callable[[Plan], Result]

CELLS_MAX: Final = 1000
"""Most cells of one scorecard."""
AROUND_S: Final = 8.0
"""Seconds that starting and judging a run take beside its load, for the estimate that is told."""
PACKAGES: Final = ("banstorm", "mitmproxy", "locust", "httpx")


@dataclass(frozen=True, slots=True)
class Terms:
    """How a scorecard is played."""

    folder: Path
    command: str
    seed: int | None
    rate: str | None
    tries: int
    again: bool


def play(asked: Sequence[Asked], terms: Terms, execute: Execute | None = None) -> int:
    """Play what is not there yet, and write the pages after each cell.

    Returns:
        0 once every cell has a verdict or can't have one, 3 if one is inconclusive or its target was not to be had,
        130 after Ctrl-C.

    Raises:
        HarnessError: when the folder can't be written or holds another thing.
    """
    if len(asked) > CELLS_MAX:
        raise HarnessError(f"{len(asked)} cells: the limit is {CELLS_MAX}", "--targets, --tag", "name fewer of them")
    playing = _Playing(_begun(asked, terms), terms, execute or _execute)
    ended = playing.all(asked)
    tell(sys.stdout, ["", scorecard_markdown.counts(playing.card), f"scorecard: {terms.folder / scorecard_html.FILE}"])
    return ended


def render(folder: Path, *, against: Path | None = None, into: Path | None = None) -> int:
    """Make the pages of the scorecard in `folder` again, with its notes; runs that were judged anew are taken over.

    Args:
        folder: The scorecard's.
        against: Another scorecard's, to tell which cells came out otherwise there.
        into: Where to write the scorecard, its pages and its notes instead, without the runs: small enough to commit.

    Raises:
        HarnessError: when it can't be read or written.
    """
    card = _read(folder)
    for each in card.cells:
        result = _result(folder, each)
        if result is not None and each.standing in {Standing.PASS, Standing.FAIL, Standing.INCONCLUSIVE}:
            each.judged(result)
    if against is not None:
        card.repeat = repeated(card, _read(against))
    if into is not None and into.resolve() != folder.resolve():
        _copy_notes(folder, into)
        folder = into
    write(card, folder)
    tell(sys.stdout, [scorecard_markdown.counts(card), f"scorecard: {folder / scorecard_html.FILE}"])
    return Exit.PASS


def _copy_notes(folder: Path, into: Path) -> None:
    """Let the notes stand beside the copy too; those that are there already are kept."""
    try:
        into.mkdir(parents=True, exist_ok=True)
        if (folder / NOTES).exists() and not (into / NOTES).exists():
            shutil.copyfile(folder / NOTES, into / NOTES)
    except OSError as error:
        raise _unwritable(error, into) from error


def write(card: Scorecard, folder: Path, *, notes: bool = True) -> None:
    """Write the scorecard and its pages; without `notes`, what is wrong with those keeps nothing from being written.

    Raises:
        HarnessError: when they can't be written, or the notes can't be read.
    """
    try:
        strange = _noted(card, folder, needed=notes)
        card.save(folder)
        links = {
            each.run: f"{RUNS}/{quote(each.run)}/report.html"
            for each in card.cells
            if each.run and (folder / RUNS / each.run / "report.html").exists()
        }
        for page in (scorecard_markdown, scorecard_html):
            (folder / page.FILE).write_text(page.render(card, links), "utf-8", errors="replace")
        if not (folder / NOTES).exists():
            (folder / NOTES).write_text(NOTES_HEAD, "utf-8")
    except OSError as error:
        raise _unwritable(error, folder) from error
    if strange and notes:
        tell(sys.stderr, [f"notes for cells that there are not: {', '.join(strange)}"])


def _noted(card: Scorecard, folder: Path, *, needed: bool) -> list[str]:
    try:
        return lay_notes(card, folder)
    except ReportError as error:
        if needed:
            raise HarnessError(error.what, error.where, error.next_step) from error
        return []


def _unwritable(error: OSError, folder: Path) -> HarnessError:
    reason = error.strerror or type(error).__name__
    return HarnessError(f"the scorecard can't be written: {reason}", str(folder), "choose another --out")


def _read(folder: Path) -> Scorecard:
    try:
        return read(folder)
    except ReportError as error:
        raise HarnessError(error.what, error.where, error.next_step) from error


def _begun(asked: Sequence[Asked], terms: Terms) -> Scorecard:
    """The scorecard in the folder, or a new one; it shows what was asked for now, and keeps the cells that it has."""
    folder = terms.folder
    card = _read(folder) if (folder / "scorecard.json").exists() else Scorecard()
    known = {each.name: each for each in card.targets}
    card.targets = [known.get(name) or _row(asked, name) for name in _distinct(asked, "target")]
    card.scenarios = [_column(asked, name) for name in _distinct(asked, "scenario")]
    card.command, card.seed, card.rate, card.tries = terms.command, terms.seed, terms.rate, terms.tries
    card.banstorm = version("banstorm") or ""
    card.machine = machine()
    card.versions = {each: version(each) for each in PACKAGES}
    try:
        (folder / RUNS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(error, folder) from error
    write(card, folder)
    return card


def _distinct(asked: Sequence[Asked], what: str) -> list[str]:
    return list(dict.fromkeys(getattr(each, what) for each in asked))


def _row(asked: Sequence[Asked], name: str) -> Row:
    plans = [each.plan for each in asked if each.plan is not None]
    target = next((each.target for each in plans if each.wish.target == name), None)
    if target is None:
        return Row(name=name, label=name, kind="")
    shared = {each.wish.target for each in plans if each.target.label == target.label} != {name}
    label = name if shared else target.label
    return Row(name=name, label=label, kind=target.kind, version=target.version, detail=target.detail)


def _column(asked: Sequence[Asked], name: str) -> Column:
    plan = next((each.plan for each in asked if each.scenario == name and each.plan is not None), None)
    if plan is None:
        return Column(name=name, title=name)
    return Column(name=name, title=plan.scenario.title, story=plan.scenario.story)


def _result(folder: Path, cell: Cell) -> Result | None:
    """What the run of a cell has shown, if its report is there."""
    if not cell.run:
        return None
    try:
        return Result.model_validate_json((folder / RUNS / cell.run / "report.json").read_bytes())
    except (OSError, ValueError):
        return None


def _execute(plan: Plan) -> Result:
    from .run import Run

    return drive(Run(plan, _hear).execute)


def _hear(event: events.Event) -> None:
    """Of a run, only what is installed is told: that may take minutes."""
    if isinstance(event, events.Preparing):
        tell(sys.stdout, [f"      {event.what}"])


class _Playing:
    """Plays cells, and keeps the scorecard's folder up to date."""

    def __init__(self, card: Scorecard, terms: Terms, execute: Execute) -> None:
        self.card = card
        self._terms = terms
        self._execute = execute
        self._refused: dict[str, HarnessError] = {}

    def all(self, asked: Sequence[Asked]) -> int:
        """Play what is due; the exit code."""
        due = [each for each in asked if self._due(each)]
        seconds = sum(_seconds(each) for each in due)
        tell(sys.stdout, [f"{len(asked)} cells, {len(asked) - len(due)} of them there already; about {seconds:.0f} s"])
        for number, each in enumerate(due, 1):
            head = f"[{number}/{len(due)}] {each.target} × {each.scenario}"
            try:
                self._play(each, head)
            except (Interrupted, KeyboardInterrupt):
                write(self.card, self._terms.folder, notes=False)
                tell(sys.stdout, [f"{head}: interrupted; the same command goes on from here"])
                return Exit.INTERRUPTED
            self.card.made = _now()
            write(self.card, self._terms.folder, notes=False)
        settled = all(each.standing in SETTLED for each in self.card.shown)
        return Exit.PASS if settled else Exit.INCONCLUSIVE

    def _due(self, asked: Asked) -> bool:
        """Whether it must be played: its run is missing, was of another kind, or proved nothing."""
        cell = self.card.cell(asked.target, asked.scenario)
        if asked.plan is None or self._terms.again:
            return True
        return cell.standing not in SETTLED or cell.key != _key(asked.plan)

    def _play(self, asked: Asked, head: str) -> None:
        cell = Cell(target=asked.target, scenario=asked.scenario, dialect=asked.dialect, played=_now())
        known = self._refused.get(asked.target) or asked.refused
        if known is not None:
            cell.standing = Standing.UNSUITABLE if asked.is_unsuitable else Standing.UNAVAILABLE
            cell.reasons = [known.what, known.advice]
        if asked.plan is not None:
            cell.key, cell.command, cell.seed = _key(asked.plan), asked.plan.command, asked.plan.scenario.seed
        while asked.plan is not None and known is None and cell.tries < self._terms.tries:
            # Planned anew: the name of a run's folder begins with the time, and its marks are its own.
            if not self._try(prepare(asked.plan.wish), cell):
                break
            if cell.tries < self._terms.tries:
                tell(sys.stdout, [f"      {cell.standing.value}: {'; '.join(cell.reasons[:1])}; once more"])
        self._keep(cell)
        why = cell.sentence or "; ".join(cell.reasons[:1])
        tell(sys.stdout, [f"{head}: {cell.standing.value} in {cell.took_s:.0f} s  {why}"])

    def _try(self, plan: Plan, cell: Cell) -> bool:
        """Play it once; whether another try may end otherwise."""
        began_s = time.monotonic()
        cell.tries += 1
        hopeful = True
        try:
            result = self._execute(plan)
        except Interrupted:
            raise
        except HarnessError as error:
            ours = isinstance(error, ChildFailedError)
            cell.standing = Standing.INCONCLUSIVE if ours else Standing.UNAVAILABLE
            cell.reasons = [error.what, error.advice]
            hopeful = isinstance(error, ChildFailedError | NotReadyError)
            if (
                not plan.folder.exists()
            ):  # it was never begun: what it needs can't be installed, for the next one either
                self._refused[cell.target] = error
        except Exception as error:  # noqa: BLE001 - one failure, even of ours, never stops the rest
            cell.standing = Standing.INCONCLUSIVE
            cell.reasons = [f"banstorm itself failed: {type(error).__name__}: {error}".splitlines()[0]]
        else:
            cell.judged(result)
            hopeful = cell.standing is Standing.INCONCLUSIVE
            self._learn(cell.target, plan)
        cell.run = plan.folder.name if plan.folder.exists() else None
        cell.took_s = round(cell.took_s + time.monotonic() - began_s, 1)
        return hopeful

    def _learn(self, name: str, plan: Plan) -> None:
        """What is known of a target once it was started."""
        row = next(each for each in self.card.targets if each.name == name)
        row.kind, row.version, row.detail = plan.target.kind, plan.target.version, plan.target.detail
        row.settings = list(plan.target.configured)

    def _keep(self, cell: Cell) -> None:
        there = self.card.cell(cell.target, cell.scenario)
        self.card.cells[self.card.cells.index(there)] = cell


def _key(plan: Plan) -> str:
    if is_of_the_machine(plan.target):
        with contextlib.suppress(HarnessError):  # playing it will say so
            asyncio.run(plan.target.prepare(lambda _: None))
    return key(plan)


def _seconds(asked: Asked) -> float:
    if asked.plan is None:
        return 0.0
    load = asked.plan.scenario.load
    return load.warmup + load.duration + AROUND_S


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
