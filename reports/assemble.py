"""Findings, judgement and tables put together as the one `Result` that every page is a rendering of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from ..scenarios.expectation import Unit
from .amplification import amplification_findings
from .callers import caller_findings, callers_out
from .cost import cost_findings
from .coverage import coverage_out
from .damage import damage_out
from .detection import detection_findings
from .doubt import doubted
from .failover import failover_findings
from .finding import NS, RUN_SCOPE, Finding
from .frames import Run
from .history import History
from .integrity import integrity_findings, integrity_out
from .latency import latency_findings
from .manifest import Manifest
from .measures import names
from .memory import give_back
from .metastable import metastable_findings
from .money import money_out
from .overview import (
    costs_out,
    episodes_out,
    findings_out,
    outcomes_out,
    phases_out,
    value_out,
)
from .recovery import recovery_findings
from .result import FindingOut, HeadlineOut, Result, RunOut, Verdict
from .result_value import ValueOut
from .slices import slices_out, window_slices_out
from .timeline import timeline
from .tolerance import parse_tolerance
from .validity import own_exit
from .verdict import Judgement, judge
from .waterfalls import worst_calls

NOT_OBSERVABLE: Final = [
    "What state the router's circuit breaker was in (a black box shows only what it did: detect, probe, revert).",
    "Why the router chose a provider: only that it did.",
]
_HEADLINES: Final = (
    ("silent_losses", "Silent losses"),
    ("lost_calls", "Lost calls"),
    ("time_to_fail_over", "Failover"),
    ("time_to_recover", "Recovery"),
    ("cost_increase", "Cost per answer"),
)

_FINDINGS: Final = (
    integrity_findings,
    caller_findings,
    detection_findings,
    failover_findings,
    latency_findings,
    recovery_findings,
    metastable_findings,
    amplification_findings,
    cost_findings,
)


def find_all(history: History) -> list[Finding]:
    """Every finding of the run, in the order of the measures."""
    found: list[Finding] = []
    for findings in _FINDINGS:
        found += findings(history)
        give_back()
    order = {name: index for index, name in enumerate(names())}
    return sorted(found, key=lambda each: order[each.key.partition(".")[0]])


def make_result(run: Run) -> Result:
    """Find, judge and put together: a pure function of what the run's folder says."""
    history = History(run)
    give_back()
    findings = find_all(history)
    judgement = judge(history, findings)
    give_back()
    money = money_out(history, findings)
    give_back()
    told = doubted(findings_out(findings), judgement.checks)
    return Result(
        verdict=judgement.verdict,
        sentence=sentence(history, judgement),
        first_broken=judgement.first_broken,
        reasons=judgement.reasons,
        headlines=_headlines(findings),
        run=_run_out(history),
        expectations=judgement.expectations,
        checks=judgement.checks,
        episodes=episodes_out(history, findings),
        coverage=coverage_out(history),
        outcomes=outcomes_out(history),
        slices=slices_out(history),
        phases=phases_out(history),
        costs=costs_out(history),
        timeline=timeline(history),
        worst=worst_calls(history),
        findings=told,
        not_observable=not_observable(history),
        integrity=integrity_out(history),
        window_slices=window_slices_out(history),
        callers=callers_out(history, _of_run(told, "caller_fairness")),
        money=money,
        damage=damage_out(run),
    )


def _of_run(told: Sequence[FindingOut], key: str) -> ValueOut:
    values = next(each for each in told if each.key == key).values
    return next(each for each in values if each.scope == RUN_SCOPE)


def not_observable(history: History) -> list[str]:
    """What no witness of this run could see."""
    doors = [each for each in history.episodes if each.door]
    return NOT_OBSERVABLE + [
        f"{each.id}: how often the router tried the shut door; a refused connection brings no request. "
        "When it left and how often it looked back can't be told, and attempts per call are without those."
        for each in doors
    ]


def sentence(history: History, judgement: Judgement) -> str:
    """The verdict in one sentence, and in another what was accepted only because of a tolerance."""
    told = ", ".join(
        f"{each.measure} {each.found}, wanted {each.wanted}" for each in judgement.expectations if each.tolerated
    )
    if not told:
        return _verdict(history, judgement)
    within = f"only within the tolerance ({history.run.manifest.tolerance})"
    return f"{_verdict(history, judgement)} Tolerated: {told}: met {within}."


def _verdict(history: History, judgement: Judgement) -> str:
    due, lost = len(history.calls), int((~history.good).sum())
    faults = sorted({window.fault for episode in history.episodes for window in episode.windows if window.bites})
    through = " and ".join(filter(None, (", ".join(faults[:-1]), *faults[-1:]))) or "a load without faults"
    target = history.run.manifest.target.name
    match judgement.verdict:
        case Verdict.PASS:
            kept = "every one of" if not lost else f"{due - lost:,} of"
            return f"{target} came through {through}: {kept} {due:,} calls got the right answer in time."
        case Verdict.FAIL:
            ended = own_exit(history)
            if ended is not None:
                return f"{target} did not survive {through}: {ended}."
            first = next(each for each in judgement.expectations if each.measure == judgement.first_broken)
            toll = f"{lost:,} of {due:,} calls were lost" if lost else f"none of {due:,} calls was lost"
            early = int((~history.good & history.baseline).sum()) if history.episodes else 0
            if early:
                toll += f" ({early:,} of them due before any fault)"
            return (
                f"{target} failed under {through}: {toll}; first to break was {first.measure}, "
                f"found {first.found}, wanted {first.wanted}."
            )
        case Verdict.INCONCLUSIVE:
            short = [each for each in judgement.checks if not each.ok]
            more = f" ({len(short) - 1} more checks fell short)" if len(short) > 1 else ""
            return f"This run proves nothing about {target}: {short[0].name}: {short[0].found}{more}."


def _headlines(findings: Sequence[Finding]) -> list[HeadlineOut]:
    by_key = {each.key: each for each in findings}
    return [_headline(by_key[key], label) for key, label in _HEADLINES]


def _headline(finding: Finding, label: str) -> HeadlineOut:
    values = [each for each in finding.judged_values() if each.applies]
    known = [each for each in values if each.amounts is not None]
    if not known:
        reason = next((each.reason for each in finding.by_scope if each.reason), "no fault window in this run")
        return HeadlineOut(label=label, text="–", note=reason, tone="neutral")
    # A time whose end was not seen is worse than any that has one.
    worst = max(known, key=lambda each: (each.censored, next(iter((each.amounts or {}).values()))))
    text = value_out(finding, worst).text
    tone: Literal["good", "bad", "neutral"] = "neutral"
    note = "" if worst.scope == RUN_SCOPE else f"worst of {len(values)} episodes" if len(values) > 1 else worst.scope
    if finding.key in {"lost_calls", "silent_losses"} and worst.amounts is not None:
        tone = "bad" if worst.amounts[Unit.NUMBER] else "good"
        note = f"{worst.amounts[Unit.SHARE]:.2%} of the calls due"
    if worst.censored:
        tone, note = "bad", worst.reason or "its end was not seen"
    if finding.key == "cost_increase":
        note = "while the fault lasted, against before"
    return HeadlineOut(label=label, text=text, note=note, tone=tone)


def _idle(manifest: Manifest) -> list[str]:
    """What was tolerated to no effect: whoever named it may have meant something else."""
    expected = [each.measure for each in manifest.scenario.expect]
    names = parse_tolerance(manifest.tolerance).idle(expected)
    return [f"the tolerance for {each} loosens nothing: the scenario has no limit for it" for each in names]


def _run_out(history: History) -> RunOut:
    manifest, scenario = history.run.manifest, history.scenario
    inline = manifest.host == "inline"
    return RunOut(
        run=manifest.run,
        folder=history.run.folder.resolve().name,
        scenario=manifest.scenario_name,
        title=scenario.title,
        story=scenario.story,
        source=scenario.source,
        target=manifest.target.name,
        target_kind=manifest.target.kind,
        target_detail=manifest.target.detail,
        host=manifest.host,
        witnesses="two witnesses: faults ran inside the fakes"
        if inline
        else "three witnesses: caller, wire and provider",
        seed=manifest.seed,
        command=manifest.command,
        started=manifest.started_wall,
        load_s=(history.load_until_ns - history.t0_ns) / NS,
        rate=scenario.load.profile.mean,
        load=scenario.load.profile.told,
        callers=scenario.load.callers.count,
        providers=list(scenario.providers),
        banstorm=manifest.banstorm,
        machine=manifest.machine,
        versions=manifest.versions,
        warnings=[*manifest.warnings, *_idle(manifest)],
        own_failures=manifest.own_failures,
        remedy=scenario.remedy or "",
        tolerance=manifest.tolerance,
    )
