"""Several scenarios, one after the other: `banstorm run --tag ci`.

Each is a run of its own, with its own processes and its own folder: a router that a first scenario has worn down would
otherwise carry its state into the next one's verdict. What can't be planned is refused before the first one starts;
what fails on the way is told, and the next one runs all the same.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import catalogue
from .annotate import annotate
from .command_run import CODES, drive, next_step, prepare
from .command_web import with_audience
from .errors import HarnessError, Interrupted
from .exitcode import Exit
from .lines import tell

if TYPE_CHECKING:
    from ..reports.result import Result
    from . import events
    from .plan import Plan, Wish

WORST_FIRST: Final = (Exit.INTERRUPTED, Exit.FAIL, Exit.INCONCLUSIVE, Exit.PASS)
"""Exit codes, the one first that decides over all the others."""
_WORDS: Final = {
    Exit.PASS: "pass",
    Exit.FAIL: "FAIL",
    Exit.INCONCLUSIVE: "inconclusive",
    Exit.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run ended: its code, how long it took in seconds, and what there is to say of it."""

    name: str
    code: Exit
    took_s: float
    sentence: str
    details: tuple[str, ...] = ()


def play_tagged(tag: str, wish: Wish) -> int:
    """Run every scenario of the library that has the tag, and give the exit code of the worst.

    Raises:
        HarnessError: when no scenario has the tag, or what was asked for can't be planned for one of them.
        ScenarioError: when one of them can't be used.
    """
    plans = [prepare(replace(wish, scenario=name)) for name in catalogue.tagged(tag)]
    if wish.audience is not None:
        wish.audience.expect(len(plans))
    return play_all(plans, execute, lambda plan: prepare(plan.wish))


def play_all(
    plans: Sequence[Plan], execute: Callable[[Plan], Result], anew: Callable[[Plan], Plan] = lambda plan: plan
) -> int:
    """Run the plans in order, a line each, then a summary; the code of the worst.

    Args:
        plans: What to run.
        execute: Runs one.
        anew: Plans it anew when its turn has come: the name of its folder begins with the time.
    """
    return worst(each.code for each in play_each(plans, execute, anew))


def play_each(
    plans: Sequence[Plan],
    execute: Callable[[Plan], Result],
    anew: Callable[[Plan], Plan],
    name: Callable[[Plan], str] = lambda plan: plan.name,
    keep: Callable[[Plan, Ended, Result | None], None] = lambda *_: None,
) -> list[Ended]:
    """Run the plans in order, a line each, then a summary.

    Args:
        plans: What to run.
        execute: Runs one.
        anew: Plans it anew when its turn has come.
        name: What its line calls it.
        keep: Hears of each that has ended, with its result if it was judged.

    Returns:
        How each ended, up to the one that was interrupted.
    """
    began_s = time.monotonic()
    width = max(len(name(plan)) for plan in plans)
    ended: list[Ended] = []
    for each in plans:
        plan = anew(each)
        one, result = _one(plan, execute, name(plan))
        ended.append(one)
        keep(plan, one, result)
        tell(sys.stdout, _told(one, width))
        if one.code is Exit.INTERRUPTED:
            break
    what = "scenarios" if len({plan.name for plan in plans}) == len(plans) else "runs"
    tell(sys.stdout, ["", summary(ended, len(plans), time.monotonic() - began_s, what)])
    return ended


def worst(codes: Iterable[Exit]) -> Exit:
    """The code that decides: interrupted before fail before inconclusive before pass."""
    return min(codes, key=WORST_FIRST.index, default=Exit.PASS)


def summary(ended: Sequence[Ended], planned: int, took_s: float, what: str = "scenarios") -> str:
    """How many came to which end."""
    counts = Counter(each.code for each in ended)
    parts = [f"{counts[code]} {_WORDS[code].lower()}" for code in reversed(WORST_FIRST) if counts[code]]
    left = planned - len(ended)
    parts += [f"{left} not played"] if left else []
    return f"{planned} {what} in {took_s:.0f} s: {', '.join(parts)}"


def _one(plan: Plan, execute: Callable[[Plan], Result], name: str) -> tuple[Ended, Result | None]:
    began_s = time.monotonic()
    try:
        result = execute(plan)
    except Interrupted:
        told = f"the ledger so far: {plan.folder}"
        return Ended(name, Exit.INTERRUPTED, time.monotonic() - began_s, told), None
    except HarnessError as error:  # it could not begin, or the target never answered: nothing can be said of it
        details = (f"where: {error.where}", f"next:  {error.advice}", f"again: {plan.command}")
        return Ended(name, Exit.INCONCLUSIVE, time.monotonic() - began_s, error.what, details), None
    annotate(result)
    code = CODES[result.verdict]
    why = () if code is Exit.PASS else tuple(_why(result, plan.folder))
    return Ended(name, code, time.monotonic() - began_s, result.sentence, why), result


def _why(result: Result, folder: Path) -> Iterable[str]:
    for each in result.expectations:
        if each.state != "met":
            yield f"{'✗' if each.state == 'broken' else '?'} {each.measure} {each.wanted}: {each.found}"
    yield from next_step(result)
    yield f"report: {folder / 'report.html'}"
    yield f"again:  {result.run.command}"


def _told(each: Ended, width: int) -> list[str]:
    word = _WORDS[each.code]
    line = f"{word:<12}  {each.name:<{width}}  {each.took_s:4.0f} s  {each.sentence}"
    return [line, *(f"{'':<14}{detail}" for detail in each.details)]


def execute(plan: Plan) -> Result:
    """Play one plan without telling what happens meanwhile.

    Raises:
        HarnessError: as `Run.execute`.
        Interrupted: on Ctrl-C.
    """
    from .run import Run

    try:
        return drive(Run(plan, with_audience(plan, _quiet)).execute)
    except HarnessError as error:
        if plan.wish.audience is not None:
            plan.wish.audience.failed(error.what)
        raise


def _quiet(event: events.Event) -> None:
    """Hear an event, and say nothing."""
