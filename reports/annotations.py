"""Annotations for a forge's job page: a line for each thing that failed, as GitHub's workflow commands are written.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions: ``::error title=…::message``. A line
ends the command, so that what a router or a provider said is escaped; a command inside it is text.
"""

from __future__ import annotations

from typing import Final

from .advice import advice
from .plain import plain, wanted
from .result import ExpectationOut, Result, State, Verdict

LINES_MAX: Final = 10
"""Most annotations of a run: a forge shows no more of one step."""
CHARS_MAX: Final = 1000
"""Most characters of one message."""


def annotations_of(result: Result) -> list[str]:
    """The lines for a run: nothing for a pass, an error for each broken limit, the first to break first.

    A router that ended by itself is the first error, and what failed: the limits that broke with it come after. A run
    that proves nothing is an error of its own, since it ends the step with a code that is not 0.
    """
    name = f"{result.run.scenario} on {result.run.target}"
    if result.verdict is Verdict.PASS:
        return []
    if result.verdict is Verdict.INCONCLUSIVE:
        return [_line(f"{name}: inconclusive", f"{result.sentence} Repeat it: {result.run.command}")]
    broken = [each for each in result.expectations if each.state is State.BROKEN]
    broken.sort(key=lambda each: each.measure != result.first_broken)
    lines = []
    if result.target_gone or not broken:
        lines.append(_line(f"{name}: fail", f"{result.sentence} Repeat it: {result.run.command}"))
    lines += [_line(f"{name}: {each.measure}", _broken(result, each)) for each in broken]
    left = len(lines) - LINES_MAX
    if left > 0:
        lines = [*lines[: LINES_MAX - 1], _line(f"{name}: fail", f"{left + 1} more limits are broken, see the report.")]
    return lines


def _broken(result: Result, each: ExpectationOut) -> str:
    first = each.measure == result.first_broken and not result.target_gone
    parts = [f"{plain(each.measure).question} {each.found}, wanted {wanted(each)}."]
    parts += [f"{each.note}."] if each.note else []
    helps = next((one for one in advice(result) if each.measure in one.mends), None)
    parts += [f"To do: {helps.title}."] if helps else []
    parts += [f"This broke first. Repeat it: {result.run.command}"] if first else []
    return " ".join(parts)


def _line(title: str, message: str) -> str:
    return f"::error title={_property(title)}::{_data(message[:CHARS_MAX])}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
