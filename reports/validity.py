"""Whether a run is able to prove anything: rule 5, check by check.

Checks of kind `evidence` ask whether what was recorded can be trusted: our own processes, the clock, the joins. Where
one falls short the run is inconclusive, whatever the expectations read. Checks of kind `coverage` ask whether the
router was really put to the test: where one falls short a pass means nothing, but a breach stays a breach.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from ..scenarios.expectation import Expectation, Unit
from ..scenarios.units import format_duration
from .finding import NS
from .history import UNMEASURED, History
from .joining import index_in
from .result import CheckOut, ExpectationOut, State
from .tables import LOOP_LAG

LATENESS_S_MAX: Final = 0.05
"""Most lateness, of the generator and of event loops, that a run may show whatever it expects, in seconds."""
LATENESS_SHARE_OF_LIMIT: Final = 0.2
"""... and as a share of the tightest time limit expected."""
LATENESS_QUANTILE: Final = 0.99
"""A run on a shared machine always has a hiccup somewhere: this share of the calls must have left in time ..."""
STALL_FACTOR_MAX: Final = 5.0
"""... and none may have met more than this many times the limit, so that no single stall can fake a breach."""
SAMPLE_S: Final = 0.5
"""Seconds that a loop-lag sample covers, before it was taken."""
CRASH_SIGNALS: Final = {4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 11: "SIGSEGV", 31: "SIGSYS"}
"""Signals that a process brings on itself; the others come from somebody."""
BASELINE_GOOD_SHARE_MIN: Final = 0.99
"""Share of the calls due before the first window that must be good, as much as recovery asks for afterwards."""
NAMED_MAX: Final = 5
"""Most rows named in a check."""
LOG_CHARS_MAX: Final = 400
"""Most characters told of the end of the target's log."""


def lateness_limit_s(expectations: list[Expectation]) -> float:
    """min(50 ms, a fifth of the tightest time limit expected)."""
    limits = [each.limit for each in expectations if each.unit is Unit.SECONDS and each.limit > 0]
    return min([LATENESS_S_MAX, *(LATENESS_SHARE_OF_LIMIT * each for each in limits)])


def evidence_checks(history: History) -> list[CheckOut]:
    """Whether what was recorded can be trusted."""
    return [
        *_processes(history),
        _readiness(history),
        *_ledger(history),
        _joins_calls(history),
        _joins_invoices(history),
        _measured(history),
        *_generator(history),
        *_loops(history),
    ]


def coverage_checks(history: History, expectations: list[ExpectationOut]) -> list[CheckOut]:
    """Whether the router was really put to the test, and each expectation could be judged."""
    found = [*_bites(history), *_baseline(history)]
    unknown = [each for each in expectations if each.state is State.UNKNOWN]
    found.append(
        CheckOut(
            name="expectations judged",
            kind="coverage",
            ok=not unknown,
            found="; ".join(f"{each.measure}: {each.note}" for each in unknown) or f"{len(expectations)} of them",
            needed="each of them",
        )
    )
    return found


def _baseline(history: History) -> Iterator[CheckOut]:
    """A router that loses calls before any fault does not carry the load: no later finding is about the fault."""
    before = history.baseline
    if not history.episodes or not before.any():
        return
    good, calls = int((before & history.good).sum()), int(before.sum())
    yield CheckOut(
        name="sound before the fault",
        kind="coverage",
        ok=good >= BASELINE_GOOD_SHARE_MIN * calls,
        found=f"{good} of {calls} calls due before the first window were good",
        needed=f"at least {BASELINE_GOOD_SHARE_MIN:.0%} of them",
    )


def _evidence(name: str, *, ok: bool, found: str, needed: str, scope: str | None = None) -> CheckOut:
    return CheckOut(name=name, kind="evidence", ok=ok, found=found, needed=needed, scope=scope)


def _processes(history: History) -> Iterator[CheckOut]:
    manifest = history.run.manifest
    yield _evidence(
        "our own processes",
        ok=not manifest.own_failures,
        found="; ".join(manifest.own_failures) or "all ran to the end",
        needed="all run to the end",
    )
    yield _evidence(
        "run completed",
        ok=manifest.finished and not manifest.interrupted,
        found="interrupted"
        if manifest.interrupted
        else ("to its end" if manifest.finished else "the manifest was never finished: the harness was killed"),
        needed="to its end",
    )
    signal = foreign_signal(history)
    yield _evidence(
        "target left alone",
        ok=signal is None,
        found="nobody else ended it" if signal is None else f"ended by signal {signal}, which banstorm did not send",
        needed="no signal but ours",
    )


def foreign_signal(history: History) -> int | None:
    """The signal that somebody else ended the target with, if any."""
    ended = history.run.manifest.target_exit
    if ended is None or ended.ours or ended.signal is None or ended.signal in CRASH_SIGNALS:
        return None
    return ended.signal


def own_exit(history: History) -> str | None:
    """How the target ended by itself, if it did."""
    ended = history.run.manifest.target_exit
    if ended is None or ended.ours or foreign_signal(history) is not None:
        return None
    if ended.signal is not None:
        return f"it crashed with {CRASH_SIGNALS[ended.signal]}"
    return f"it exited with code {ended.code}"


def last_words(history: History) -> list[str]:
    """What the target's log ends with, if it has one: mostly why it ended."""
    ended = history.run.manifest.target_exit
    said = ended.log.strip() if ended is not None else ""
    more = "…" if len(said) > LOG_CHARS_MAX else ""
    return [f"its log ends with: {more}{said[-LOG_CHARS_MAX:]}"] if said else []


def _readiness(history: History) -> CheckOut:
    ready = history.run.manifest.readiness
    return _evidence(
        "readiness mark",
        ok=ready.marked,
        found="arrived" if ready.marked else ready.detail or "did not arrive: the target rewrites prompts",
        needed="the readiness call's mark arrives at a provider",
    )


def _ledger(history: History) -> Iterator[CheckOut]:
    run = history.run
    named = "; ".join(run.unreadable[:NAMED_MAX])
    found = f"{run.unreadable_lines} unreadable rows: {named}" if run.unreadable_lines else "every row was read"
    if run.torn:
        found += f" (torn last line, left out: {', '.join(run.torn)})"
    yield _evidence("ledger readable", ok=not run.unreadable_lines, found=found, needed="every row")


def _named(values: list[object]) -> str:
    more = f" and {len(values) - NAMED_MAX} more" if len(values) > NAMED_MAX else ""
    return ", ".join(map(str, values[:NAMED_MAX])) + more


def _joins_calls(history: History) -> CheckOut:
    due, got = history.run.schedule["call"], history.run.calls["call"]
    stray = sorted(set(got[~got.isin(due)]))
    twice = sorted(set(got[got.duplicated()])) + sorted(set(due[due.duplicated()]))
    faults = [f"not scheduled: {_named([*stray])}"] if stray else []
    faults += [f"more than one row: {_named([*twice])}"] if twice else []
    return _evidence(
        "schedule joins calls",
        ok=not faults and len(due) > 0,
        found="; ".join(faults) or f"{len(due)} due, {len(got)} recorded",
        needed="each recorded call was due, once",
    )


def _joins_invoices(history: History) -> CheckOut:
    attempts, invoices = history.attempts, history.run.invoices
    names = attempts["attempt"]
    at = history.attempt_of_invoice
    per_attempt = np.bincount(at[at >= 0], minlength=len(attempts))
    reached = attempts["reached"].to_numpy(dtype=bool)
    # An attempt that is recorded again has its invoice at the first of its rows.
    again = index_in(names, names) != np.arange(len(names))
    missing = names[reached & (per_attempt == 0) & ~again].tolist()
    twice = names[per_attempt > 1].tolist()
    unreached = names[~reached & (per_attempt > 0)].tolist()
    stray = invoices.loc[(at < 0) & invoices["attempt"].notna().to_numpy(), "attempt"].tolist()
    unmarked = int(invoices["attempt"].isna().sum())
    faults = [
        f"{text}: {_named(rows)}"
        for text, rows in (
            ("reached a provider but has no invoice", missing),
            ("has more than one invoice", twice),
            ("never reached a provider but has an invoice", unreached),
            ("invoice without an attempt", stray),
            ("recorded more than once", names[again].tolist()),
        )
        if rows
    ]
    if unmarked:
        faults.append(f"{unmarked} invoices without an attempt id: traffic went around the injector")
    return _evidence(
        "attempts join invoices",
        ok=not faults,
        found="; ".join(faults)
        or f"{len(attempts)} attempts, {reached.sum()} reached a provider, {len(invoices)} invoices",
        needed="one invoice for each attempt that reached a provider, none for the others",
    )


def _measured(history: History) -> CheckOut:
    lost = history.calls.loc[history.calls["outcome"].isin(UNMEASURED), "outcome"].value_counts()
    found = ", ".join(f"{count} {name}" for name, count in lost.items())
    return _evidence(
        "every call was made and recorded",
        ok=lost.empty and len(history.calls) > 0,
        found=found or f"{len(history.calls)} calls",
        needed="no unsent (in-flight cap) and no unknown (no row)",
    )


def _generator(history: History) -> Iterator[CheckOut]:
    limit_s = lateness_limit_s(history.scenario.expect)
    sent = history.calls["sent_ns"].notna().to_numpy()
    late_s = (history.calls["sent_ns"].astype("float64").to_numpy() - history.due_ns) / NS
    for phase in history.phases:
        here = late_s[sent & (history.due_ns >= phase.from_ns) & (history.due_ns < phase.until_ns)]
        if not len(here):
            continue
        usual, worst = float(np.quantile(here, LATENESS_QUANTILE)), float(here.max())
        yield _on_time(phase.name, usual, worst, limit_s, f"{len(here)} calls")


def _loops(history: History) -> Iterator[CheckOut]:
    """The delay that an event loop's stalls gave to what arrived at random times.

    A stall of L seconds delays what arrives in it by up to L, so the share of a phase's requests that met more than
    the limit is at most the sum of (L - limit) over its stalls, divided by its length.
    """
    limit_s = lateness_limit_s(history.scenario.expect)
    samples = history.run.samples
    lags = samples[samples["name"] == LOOP_LAG]
    processes = ["load", "fakes"] if history.run.manifest.host == "inline" else ["load", "injector", "fakes"]
    for process in processes:
        theirs = lags[lags["process"] == process]
        at_ns = theirs["at_ns"].to_numpy(dtype=np.int64)
        lag_s = theirs["value"].to_numpy(dtype=np.float64)
        for phase in history.phases:
            here = lag_s[(at_ns >= phase.from_ns) & (at_ns < phase.until_ns + round(SAMPLE_S * NS))]
            name = f"event loop of {process}, {phase.name}"
            if not len(here):
                if phase.until_ns - phase.from_ns > 2 * SAMPLE_S * NS:
                    yield _evidence(name, ok=False, found="no samples", needed="a sample every 0.5 s", scope=phase.name)
                continue
            length_s = (phase.until_ns - phase.from_ns) / NS
            delayed = float(np.maximum(here - limit_s, 0).sum()) / length_s
            worst = float(here.max())
            yield _evidence(
                name,
                scope=phase.name,
                ok=delayed <= 1 - LATENESS_QUANTILE and worst <= STALL_FACTOR_MAX * limit_s,
                found=f"{delayed:.2%} of the time behind by more than {format_duration(limit_s)}, "
                f"worst {format_duration(round(worst, 4))} ({len(here)} samples)",
                needed=f"at most {1 - LATENESS_QUANTILE:.0%} of the time, "
                f"worst at most {format_duration(STALL_FACTOR_MAX * limit_s)}",
            )


def _on_time(phase: str, usual_s: float, worst_s: float, limit_s: float, of: str) -> CheckOut:
    return _evidence(
        f"generator on time, {phase}",
        scope=phase,
        ok=usual_s <= limit_s and worst_s <= STALL_FACTOR_MAX * limit_s,
        found=f"99 % left within {format_duration(round(max(usual_s, 0), 4))}, "
        f"worst {format_duration(round(max(worst_s, 0), 4))} ({of})",
        needed=f"99 % within {format_duration(limit_s)}, worst at most {format_duration(STALL_FACTOR_MAX * limit_s)}",
    )


def _bites(history: History) -> Iterator[CheckOut]:
    windows = [window for episode in history.episodes for window in episode.windows]
    for index, entry in enumerate(history.scenario.timeline):
        entry_id = entry.id_at(index)
        theirs = [each for each in windows if each.entry == entry_id]
        bites = sum(each.bites for each in theirs)
        matched = sum(each.matched or 0 for each in theirs)
        bitten = {each.provider for each in theirs if each.bites}
        idle = sorted({each.provider for each in theirs} - bitten)
        found = f"{bites} of {matched} matching attempts"
        if bites and idle:
            found += f" (not exercised on {', '.join(idle)})"
        unmet = sum(not each.bites for each in theirs if each.provider in bitten)
        if unmet:
            found += f" ({unmet} of {len(theirs)} windows not exercised)"
        if theirs and not all(each.recorded for each in theirs):
            found += " (the injector wrote no record of the window; counted in its attempts)"
        yield CheckOut(
            name=f"{entry_id} bit",
            kind="coverage",
            ok=bites > 0,
            found=found if bites or matched else "not exercised: no attempt walked into it",
            needed="at least one attempt bitten",
        )
