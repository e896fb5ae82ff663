"""repeat.md: several runs of one scenario, or of several, for a pull request or a job summary."""

from __future__ import annotations

from typing import Final

from .plain import plain
from .repeat import RepeatedOut, RepeatOut, counts, spread_of
from .result import Verdict
from .writers.markdown import cell, code, table

FILE: Final = "repeat.md"
_SIGNS: Final = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️"}


def render(result: RepeatOut) -> str:
    """The result; what runs and routers said is escaped."""
    names = ", ".join(dict.fromkeys(f"{each.scenario} on {each.target}" for each in result.scenarios))
    parts = [f"## {_SIGNS[result.verdict]} {result.verdict.value}: {cell(names)}, {result.repeat} times"]
    if not result.complete:
        parts.append("**Interrupted:** fewer runs than were asked for.")
    for each in result.scenarios:
        parts += _scenario(each)
    parts += [f"Repeat it: {code(result.command)}", f"Intervals in brackets: {result.method}."]
    return "\n\n".join(parts) + "\n"


def _scenario(each: RepeatedOut) -> list[str]:
    measures = [(plain(one.measure).question, spread_of(one)) for one in each.measures if one.held]
    others = [(plain(one.measure).question, spread_of(one)) for one in each.measures if not one.held]
    runs = [(f"{_SIGNS[one.verdict]} {one.verdict.value}", one.seed, one.sentence, one.folder) for one in each.runs]
    parts = [f"### {cell(each.title)}: {_SIGNS[each.verdict]} {each.verdict.value} ({counts(each)})"]
    parts += [table(("question", "over the runs"), measures)] if measures else []
    if others:
        parts.append(f"<details><summary>More measures</summary>\n\n{table(('', ''), others)}\n\n</details>")
    return [*parts, f"<details><summary>The runs</summary>\n\n{table(('', 'seed', '', 'run'), runs)}\n\n</details>"]
