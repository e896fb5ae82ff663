"""Pass, fail or inconclusive: a pure function of findings and checks.

In this order:

1. One of our own parts failed, the run was interrupted or never finished, or the target never passed the readiness
   mark: inconclusive. Nothing that was recorded is worth a verdict.
2. The target exited or crashed by itself after it was ready: fail. That is a fact that no doubt about our clock
   touches. (A signal it brings on itself, such as SIGSEGV, is a crash; any other that we did not send is somebody's
   interference, and evidence that falls short.)
3. Evidence falls short (lateness, joins, unsent or unknown calls, ...): inconclusive, even where an expectation reads
   broken, since what looks like the router's fault may be ours. What reads broken is listed all the same.
4. An expectation broke for certain: fail. An entry that bit nothing, or a quantile of too few calls, takes away a
   pass, but excuses no loss.
5. Coverage falls short (an entry never bit, an expectation can't be judged): inconclusive.
6. Otherwise: pass.

A censored time is a lower bound: it breaks a limit below it, and leaves a limit above it undecided.

A tolerance (`--tolerance`, kept in run.json) loosens the limits. What is met only because of it is marked `tolerated`,
which the report's first sentence and each page say: no verdict changes in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..scenarios.expectation import Expectation, format_value
from ..scenarios.units import DIGITS as SHOWN_DIGITS
from .finding import NS, Finding, Value
from .history import History
from .result import CheckOut, ExpectationOut, State, Verdict
from .starvation import starvation_checks
from .tolerance import Tolerance, parse_tolerance
from .validity import coverage_checks, evidence_checks, last_words, own_exit

FIRST_OF_ALL = ("our own processes", "run completed", "readiness mark")
"""Evidence without which not even the target's own exit counts."""
DIGITS: Final = 3
"""Significant digits of a value on a page."""
_SEVERITY = {State.BROKEN: 2, State.UNKNOWN: 1, State.MET: 0}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A run's verdict with everything it rests on."""

    verdict: Verdict
    first_broken: str | None
    reasons: list[str]
    expectations: list[ExpectationOut]
    checks: list[CheckOut]


def judge(history: History, findings: Sequence[Finding]) -> Judgement:
    """The verdict over a run."""
    expectations = judge_expectations(history, findings)
    checks = [
        *evidence_checks(history),
        *starvation_checks(history, expectations),
        *coverage_checks(history, expectations),
    ]
    ended = own_exit(history)
    verdict, reasons = decide(checks, expectations, ended)
    if verdict is Verdict.FAIL and ended is not None:
        reasons += last_words(history)
    first = first_broken(expectations)
    return Judgement(verdict, first.measure if first else None, reasons, expectations, checks)


def decide(
    checks: Sequence[CheckOut], expectations: Sequence[ExpectationOut], target_exit: str | None
) -> tuple[Verdict, list[str]]:
    """The verdict and its reasons, from checks, expectations and how the target ended by itself, if it did."""
    short = [each for each in checks if not each.ok]
    evidence = [_reason(each) for each in short if each.kind == "evidence"]
    if any(each.name in FIRST_OF_ALL for each in short):
        return Verdict.INCONCLUSIVE, evidence
    if target_exit is not None:
        return Verdict.FAIL, [f"the target did not stay up: {target_exit}"]
    if evidence:
        return Verdict.INCONCLUSIVE, evidence
    first = first_broken(expectations)
    if first is not None:
        broken = [each for each in expectations if each.state is State.BROKEN and each is not first]
        return Verdict.FAIL, [_broken(each) for each in (first, *broken)]
    coverage = [_reason(each) for each in short]
    if coverage:
        return Verdict.INCONCLUSIVE, coverage
    return Verdict.PASS, []


def first_broken(expectations: Sequence[ExpectationOut]) -> ExpectationOut | None:
    """The broken expectation whose breach was certain earliest; what only the end settled comes last, in file order."""
    broken = [each for each in expectations if each.state is State.BROKEN]
    return min(broken, key=lambda each: float("inf") if each.certain_s is None else each.certain_s, default=None)


def _reason(check: CheckOut) -> str:
    return f"{check.name}: {check.found}; needed: {check.needed}"


def _broken(expectation: ExpectationOut) -> str:
    return f"{expectation.measure}: {expectation.found}, wanted {expectation.wanted}"


def judge_expectations(history: History, findings: Sequence[Finding]) -> list[ExpectationOut]:
    """Each expectation of the scenario, in file order."""
    by_key = {each.key: each for each in findings}
    tolerance = parse_tolerance(history.run.manifest.tolerance)
    return [_judge(history, each, by_key.get(each.measure), tolerance) for each in history.scenario.expect]


def _judge(history: History, wanted: Expectation, finding: Finding | None, tolerance: Tolerance) -> ExpectationOut:
    values = [] if finding is None else [each for each in finding.judged_values() if each.applies]
    if not values:
        reasons = [] if finding is None else [each.reason for each in finding.judged_values() if each.reason]
        reason = reasons[0] if reasons else "nothing to judge: the run has no episode"
        return _outcome(wanted, State.UNKNOWN, "–", None, reason)
    judged = [(*_state_within(wanted, each, tolerance), each) for each in values]
    worst = max(_SEVERITY[state] for state, _, _ in judged)
    state, limit, value = max(
        ((state, limit, value) for state, limit, value in judged if _SEVERITY[state] == worst),
        key=lambda each: _distance(wanted, each[2]),
    )
    certain = [
        at_ns
        for each_state, limits, each in judged
        if each_state is State.BROKEN and (at_ns := _certain_ns(each, limits)) is not None
    ]
    certain_s = (min(certain) - history.t0_ns) / NS if certain else None
    outcome = _outcome(wanted, state, text_of(value, wanted), value.scope, value.reason, certain_s)
    if state is not State.MET or limit == [wanted]:
        return outcome
    note = f"tolerated: {limit[0].wanted} was accepted ({tolerance.text})"
    return outcome.model_copy(update={"tolerated": True, "note": "; ".join(filter(None, (note, value.reason)))})


def _outcome(
    wanted: Expectation,
    state: State,
    found: str,
    scope: str | None,
    note: str | None,
    certain_s: float | None = None,
) -> ExpectationOut:
    if state is State.UNKNOWN and note is None:
        note = "the run can't tell"
    return ExpectationOut(
        measure=wanted.measure,
        wanted=wanted.wanted,
        found=found,
        state=state,
        scope=scope,
        note=note,
        certain_s=certain_s,
    )


def _state_within(wanted: Expectation, value: Value, tolerance: Tolerance) -> tuple[State, list[Expectation]]:
    """What became of an expectation in one scope, and the limits that settled it: all of them, where none was met."""
    limits = [wanted]
    states = [_state(wanted, value)]
    if states == [State.MET] or not value.amounts:
        return states[0], limits
    for limit in tolerance.loosened(wanted, value.amounts):
        limits.append(limit)
        states.append(_state(limit, value))
        if states[-1] is State.MET:
            return State.MET, [limit]
    return min(states, key=_SEVERITY.__getitem__), limits


def _certain_ns(value: Value, limits: Sequence[Expectation]) -> int | None:
    """When a breach could no longer be undone: once the most generous of the limits was broken."""
    found = [value.breach.certain_ns(each) for each in limits]
    return None if None in found else max(each for each in found if each is not None)


def _state(wanted: Expectation, value: Value) -> State:
    if value.amounts is None or wanted.unit not in value.amounts:
        return State.UNKNOWN
    found = value.amounts[wanted.unit]
    if not value.censored:
        return State.MET if wanted.holds(found) else State.BROKEN
    # The true value is `found` or more.
    if wanted.op in {">=", ">"}:
        return State.MET if wanted.holds(found) else State.UNKNOWN
    beyond = found >= wanted.limit if wanted.op == "<" else found > wanted.limit
    return State.BROKEN if beyond else State.UNKNOWN


def _distance(wanted: Expectation, value: Value) -> float:
    """How far on the wrong side of the limit a value lies: the worst of several is the farthest."""
    if value.amounts is None or wanted.unit not in value.amounts:
        return float("-inf")
    found = value.amounts[wanted.unit]
    if wanted.op in {"<=", "<"}:
        return found
    return -found if wanted.op in {">=", ">"} else abs(found - wanted.limit)


def text_of(value: Value, wanted: Expectation) -> str:
    """A value as a person reads it, in the unit that was asked for."""
    if value.amounts is None or wanted.unit not in value.amounts:
        return "–"
    sign = "≥ " if value.censored else ""
    found = value.amounts[wanted.unit]
    # Rounding must not move a value to the other side of its limit: 250.4 ms is not "250ms" beside "<= 250ms".
    digits = next((each for each in range(DIGITS, 15) if wanted.holds(rounded(found, each)) == wanted.holds(found)), 15)
    return sign + format_value(rounded(found, digits), wanted.unit, max(digits, SHOWN_DIGITS))


def rounded(value: float, digits: int = DIGITS) -> float:
    """A value with few significant digits: more would claim a precision that no run has. Counts stay exact."""
    return value if float(value).is_integer() else float(f"{value:.{digits}g}")
