"""The same scenario several times: `banstorm run SCENARIO --repeat 5`, each with the next seed.

Each is a run of its own with its own folder, as without `--repeat`. What they say together (the worst verdict, the
measures over the runs) is written beside them, into a folder that `banstorm compare` takes for its runs.
"""

from __future__ import annotations

import secrets
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import catalogue
from .command_run import prepare
from .errors import HarnessError
from .exitcode import Exit
from .lines import tell
from .run_many import Ended, execute, play_each, worst
from .told_runs import write

if TYPE_CHECKING:
    from ..reports.recorded import Recorded
    from ..reports.repeat import RepeatedOut, RepeatOut, RepeatRunOut
    from ..reports.result import Result
    from .plan import Plan, Wish

REPEAT_MAX: Final = 50
"""Most runs of one scenario."""
SEED_MAX: Final = 2**53 - 1
"""Largest seed: JSON's readers keep whole numbers exactly up to it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: so many runs of one scenario, or of each with the tag; and the command that asks it again."""

    times: int
    tag: str | None
    command: str


@dataclass(frozen=True, slots=True)
class Played:
    """A run that has ended, with what it recorded if it was judged."""

    plan: Plan
    ended: Ended
    recorded: Recorded | None


def play_repeated(wish: Wish, times: int, tag: str | None = None) -> int:
    """Play a scenario, or each one with the tag, `times` times, and give the exit code of the worst run.

    Raises:
        HarnessError: when what was asked for can't be planned.
        ScenarioError: when a scenario can't be used.
    """
    names = [wish.scenario] if tag is None else catalogue.tagged(tag)
    plans = [plan for name in names for plan in planned(replace(wish, scenario=name), times)]
    if wish.audience is not None:
        wish.audience.expect(len(plans))
    asked = Asked(times, tag, _command(plans[0], wish, times, tag))
    return play_plans(plans, asked, execute, lambda plan: prepare(plan.wish))


def planned(wish: Wish, times: int) -> list[Plan]:
    """The plans of one scenario's runs: its seed, or the command line's, and the ones that follow.

    Raises:
        HarnessError: when they can't be planned, or a seed would be too large.
    """
    first = prepare(wish)
    seed = first.scenario.seed
    if seed + times - 1 > SEED_MAX:
        raise HarnessError(
            f"the last seed would be above {SEED_MAX}", "--seed and --repeat", "begin with a smaller one"
        )
    return [prepare(replace(wish, seed=seed + k)) for k in range(times)]


def play_plans(
    plans: Sequence[Plan],
    asked: Asked,
    execute: Callable[[Plan], Result],
    anew: Callable[[Plan], Plan],
) -> int:
    """Play them in order, write what they say together, and tell it; the code of the worst."""
    played: list[Played] = []

    def keep(plan: Plan, ended: Ended, result: Result | None) -> None:
        from ..reports.recorded import recorded_of

        played.append(Played(plan, ended, None if result is None else recorded_of(result)))

    began = datetime.now(UTC)
    ended = play_each(plans, execute, anew, lambda plan: f"{plan.name} seed {plan.scenario.seed}", keep)
    code = worst(each.code for each in ended)
    complete = len(ended) == len(plans) and code is not Exit.INTERRUPTED
    result = combined(played, asked, complete=complete)
    if result.scenarios:
        folder = plans[0].folder.parent / _name(plans[0], asked, began)
        _tell(result, folder)
        audience = plans[0].wish.audience
        if audience is not None:
            audience.together(result, folder)
    return code


def combined(played: Sequence[Played], asked: Asked, *, complete: bool) -> RepeatOut:
    """What the runs say together; one that was interrupted says nothing."""
    from ..reports.repeat import RepeatOut
    from ..reports.repeat import worst as worst_verdict

    by_name: dict[str, list[Played]] = {}
    for each in played:
        if each.ended.code is not Exit.INTERRUPTED:
            by_name.setdefault(each.plan.name, []).append(each)
    scenarios = [_scenario(name, runs) for name, runs in by_name.items()]
    verdict = worst_verdict([each.verdict for each in scenarios])
    return RepeatOut(command=asked.command, repeat=asked.times, complete=complete, verdict=verdict, scenarios=scenarios)


def _scenario(name: str, runs: Sequence[Played]) -> RepeatedOut:
    from ..reports.repeat import repeated

    recorded = [each.recorded for each in runs if each.recorded is not None]
    return repeated(name, runs[0].plan.target.label, [_run(each) for each in runs], recorded)


def _run(each: Played) -> RepeatRunOut:
    from ..reports.repeat import RepeatRunOut
    from ..reports.result import Verdict

    return RepeatRunOut(
        folder=each.plan.folder.name,
        seed=each.plan.scenario.seed,
        verdict=Verdict.INCONCLUSIVE if each.recorded is None else each.recorded.verdict,
        first_broken=None if each.recorded is None else each.recorded.first_broken,
        sentence=each.ended.sentence,
    )


def _command(plan: Plan, wish: Wish, times: int, tag: str | None) -> str:
    """The command that repeats it all; with a tag each scenario has its own seed, unless the command line had one."""
    words = shlex.split(plan.command)
    if tag is not None:
        words[2:3] = ["--tag", tag]
        if wish.seed is None:
            at = words.index("--seed")
            del words[at : at + 2]
    return shlex.join([*words, "--repeat", str(times)])


def _name(plan: Plan, asked: Asked, began: datetime) -> str:
    stem = plan.folder.name.removesuffix(f"-{plan.run}").partition("-")[2]
    what = stem if asked.tag is None else stem.replace(plan.name, f"tag-{asked.tag}", 1)
    return f"{began:%Y%m%dT%H%M%S}-{what}-x{asked.times}-{secrets.token_hex(3)}"


def _tell(result: RepeatOut, folder: Path) -> None:
    """Write the files, and say in the terminal what each scenario's runs say together."""
    from ..reports import repeat_markdown
    from ..reports.repeat import counts, spread_of

    text = repeat_markdown.render(result)
    write(folder, {"repeat.json": result.model_dump_json(indent=1) + "\n", repeat_markdown.FILE: text})
    lines = []
    for each in result.scenarios:
        word = each.verdict.value if each.verdict.value != "fail" else "FAIL"
        lines += ["", f"{word}  {each.scenario} × {len(each.runs)}: {counts(each)}"]
        held = [one for one in each.measures if one.held]
        width = max((len(one.measure) for one in held), default=0)
        lines += [f"  {one.measure:<{width}}  {spread_of(one)}" for one in held]
    tell(sys.stdout, [*lines, "", f"together: {folder / repeat_markdown.FILE}", f"again:    {result.command}"])
