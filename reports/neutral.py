"""What happened in a run that failed, in two sentences that anyone can check and nobody can call a judgement.

The first says what the callers lived through, the second what was wanted and what was found. No guess at a cause, no
word for a vendor: a configuration may be as much the reason as a program.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .plain import wanted
from .result import TARGET_GONE, EpisodeOut, ExpectationOut, Result, State, Verdict

NAMED_MAX: Final = 4
"""Most outcomes, and most expectations, that a sentence names."""


def evidence(result: Result) -> str:
    """Two sentences about a fail; empty for any other verdict."""
    if result.verdict is not Verdict.FAIL:
        return ""
    return f"{_happened(result)}. {_found(result)}."


def _happened(result: Result) -> str:
    if result.target_gone:
        how = result.reasons[0].removeprefix(TARGET_GONE)
        return f"{result.run.target} was started and answered, and ended during the run{how}"
    worst = max(result.episodes, key=lambda each: each.calls_lost, default=None)
    calls, lost = sum(each.calls for each in result.outcomes), _lost(result)
    if worst is not None and worst.calls_lost:
        during = (
            f"{worst.calls_lost:,} of the {worst.calls_due:,} calls due {_while(worst)} did not get the right answer"
        )
        return f"{during} in time{_outcomes(result, lost)}"
    if lost:
        return f"{lost:,} of {calls:,} calls did not get the right answer in time{_outcomes(result, lost)}"
    return f"Each of the {calls:,} calls got the right answer in time"


def _lost(result: Result) -> int:
    return sum(each.calls for each in result.outcomes if not each.good)


def _while(episode: EpisodeOut) -> str:
    faults = list(dict.fromkeys(each.fault for each in episode.windows))
    span = f"from {episode.from_s:g} s to {episode.until_s:g} s"
    return f"while {_joined(faults)} lasted on {episode.provider} ({span})"


def _outcomes(result: Result, lost: int) -> str:
    """How the lost calls of the whole run ended."""
    kinds = sorted((each for each in result.outcomes if not each.good and each.calls), key=lambda each: -each.calls)
    told = [
        f"{each.calls:,} {each.outcome}" + (f", {each.silent:,} of them as if they were right" if each.silent else "")
        for each in kinds
    ]
    return f" (in the whole run {lost:,} were lost: {_some(told, '; ')})" if told else ""


def _found(result: Result) -> str:
    broken = [each for each in result.expectations if each.state is State.BROKEN]
    if not broken:
        return "The scenario expects the router to stay up"
    return f"Wanted and found: {_some([_one(each) for each in broken], '; ')}"


def _one(each: ExpectationOut) -> str:
    return f"{each.measure} {wanted(each)}, found {each.found}"


def _some(told: list[str], between: str) -> str:
    more = [f"and {len(told) - NAMED_MAX} more"] if len(told) > NAMED_MAX else []
    return between.join([*told[:NAMED_MAX], *more])


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
