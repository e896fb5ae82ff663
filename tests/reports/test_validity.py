"""What a run must show before it proves anything: each shortfall alone makes a passing run inconclusive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from banstorm.reports.result import Verdict
from banstorm.reports.validity import lateness_limit_s
from banstorm.scenarios.expectation import parse_expectation
from synthetic import RUN, Ledger, Story, add_attempt, judged, ns, simulate

EXPECT = {"lost_calls": 0, "time_to_fail_over": "<= 250ms"}


def passing() -> Ledger:
    """A run that passes."""
    return simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, expect=EXPECT))


def set_manifest(**values: object) -> Callable[[Ledger], None]:
    """Change the manifest."""
    return lambda ledger: ledger.manifest.update(values)


def late_calls(ledger: Ledger) -> None:
    """One call in ten of the episode left 60 ms late."""
    due = {row["call"]: row["scheduled_ns"] for row in ledger.tables["schedule"]}
    for row in ledger.tables["calls"]:
        if row["call"] % 10 == 0 and ns(2) <= due[row["call"]] < ns(4):
            row["sent_ns"] = due[row["call"]] + 60_000_000


def one_very_late_call(ledger: Ledger) -> None:
    """One call of the baseline left 0.3 s late: more than a limit of 250 ms can bear."""
    ledger.tables["calls"][5]["sent_ns"] += 300_000_000


def stall(process: str, value: float) -> Callable[[Ledger], None]:
    """One loop-lag sample of a process."""
    return lambda ledger: ledger.change(
        "samples", lambda row: row["process"] == process and row["at_ns"] == ns(3), value=value
    )


def two_stalls(ledger: Ledger) -> None:
    """Two stalls of 65 ms in 2 s: each delays 0.75 % of the requests beyond 50 ms, both together 1.5 %."""
    stall("fakes", 0.065)(ledger)
    ledger.change("samples", lambda row: row["process"] == "fakes" and row["at_ns"] == ns(3.5), value=0.065)


def no_samples(ledger: Ledger) -> None:
    """The fakes never sampled their loop."""
    ledger.tables["samples"] = [row for row in ledger.tables["samples"] if row["process"] != "fakes"]


def drop(table: str, index: int) -> Callable[[Ledger], None]:
    """A row is missing."""
    return lambda ledger: ledger.tables[table].pop(index) and None


def double(table: str, index: int) -> Callable[[Ledger], None]:
    """A row is there twice."""
    return lambda ledger: ledger.tables[table].append(ledger.tables[table][index])


def unsent(ledger: Ledger) -> None:
    """A call met our own in-flight cap."""
    ledger.change("calls", lambda row: row["call"] == 390, outcome="unsent", sent_ns=None)


def stray_call(ledger: Ledger) -> None:
    """A call that was never due."""
    ledger.tables["calls"].append({**ledger.tables["calls"][0], "call": 9999})


def stray_invoice(ledger: Ledger) -> None:
    """An invoice for an attempt that nobody saw."""
    ledger.tables["invoices"].append({**ledger.tables["invoices"][0], "attempt": f"{RUN}-stray"})


def around(ledger: Ledger) -> None:
    """Traffic that went around the injector has no attempt id."""
    ledger.tables["invoices"].append({**ledger.tables["invoices"][0], "attempt": None})


def billed_unreached(ledger: Ledger) -> None:
    """An attempt that never reached a provider was billed."""
    bitten = next(row["attempt"] for row in ledger.tables["attempts"] if not row["reached"])
    ledger.tables["invoices"].append({**ledger.tables["invoices"][0], "attempt": bitten})


def no_row(ledger: Ledger) -> None:
    """A row has a text where a number belongs."""
    ledger.tables["attempts"].append({**ledger.tables["attempts"][0], "received_ns": "soon"})


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        (set_manifest(own_failures=["fakes was killed by signal 9"]), "our own processes", "fakes was killed"),
        (set_manifest(interrupted=True), "run completed", "interrupted"),
        (set_manifest(anchors=[]), "run completed", "never finished"),
        (set_manifest(readiness={"marked": False, "detail": ""}), "readiness mark", "rewrites prompts"),
        (no_row, "ledger readable", "received_ns is 'soon'"),
        (stray_call, "schedule joins calls", "not scheduled: 9999"),
        (double("calls", 3), "schedule joins calls", "more than one row: 3"),
        (drop("invoices", 3), "attempts join invoices", "reached a provider but has no invoice: 7f3a9c-3.0"),
        (double("invoices", 3), "attempts join invoices", "has more than one invoice: 7f3a9c-3.0"),
        (stray_invoice, "attempts join invoices", "invoice without an attempt: 7f3a9c-stray"),
        (around, "attempts join invoices", "1 invoices without an attempt id"),
        (billed_unreached, "attempts join invoices", "never reached a provider but has an invoice"),
        (unsent, "every call was made and recorded", "1 unsent"),
        (drop("calls", 5), "every call was made and recorded", "1 unknown"),
        (late_calls, "generator on time, episode 1 (anthropic)", "99 % left within 60ms"),
        (one_very_late_call, "generator on time, baseline", "worst 300"),
        (stall("injector", 0.3), "event loop of injector, episode 1 (anthropic)", "worst 300ms"),
        (stall("load", 0.2), "event loop of load, episode 1 (anthropic)", "behind by more than 50ms"),
        (two_stalls, "event loop of fakes, episode 1 (anthropic)", "1.50% of the time"),
        (no_samples, "event loop of fakes, baseline", "no samples"),
    ],
)
def test_what_falls_short_is_inconclusive(
    change: Callable[[Ledger], None], check: str, words: str, tmp_path: Path
) -> None:
    """One shortfall, one check that names it, and no pass."""
    ledger = passing()
    change(ledger)
    result = judged(ledger, tmp_path)
    assert result.verdict is Verdict.INCONCLUSIVE
    short = {each.name: each.found for each in result.checks if not each.ok and each.kind == "evidence"}
    assert words in short[check]


@pytest.mark.parametrize("change", [stall("injector", 0.06), stall("fakes", 0.045)])
def test_a_hiccup_is_forgiven(change: Callable[[Ledger], None], tmp_path: Path) -> None:
    """One stall that delays less than 1 % of the requests beyond the limit, none far beyond, is no doubt."""
    ledger = passing()
    change(ledger)
    assert judged(ledger, tmp_path).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("limits", "expected"),
    [([], 0.05), (["<= 10s"], 0.05), (["<= 250ms", "<= 3s"], 0.05), (["<= 100ms"], 0.02), (["<= 1%", "0"], 0.05)],
)
def test_the_lateness_limit_is_a_fifth_of_the_tightest_time(limits: list[str], expected: float) -> None:
    """min(50 ms, a fifth of the tightest time limit expected); other units do not count."""
    found = lateness_limit_s([parse_expectation("outage", each) for each in limits])
    assert found == pytest.approx(expected)


def test_an_entry_must_bite_on_one_of_its_providers(tmp_path: Path) -> None:
    """An entry on two providers is exercised by one of them; the other window is named."""
    ledger = passing()
    ledger.manifest["scenario"]["timeline"][0]["on"] = ["anthropic", "openai"]
    idle = {**ledger.tables["faults"][0], "provider": "openai", "bites": 0, "matched": 0}
    ledger.tables["faults"].append({**idle, "first_bite_ns": None, "last_bite_ns": None})
    result = judged(ledger, tmp_path)
    bit = next(each for each in result.checks if each.name == "0:org_disabled bit")
    assert (bit.ok, "not exercised on openai" in bit.found) == (True, True)


def test_a_killed_injector_leaves_its_bites_in_its_attempts(tmp_path: Path) -> None:
    """Without a row for the window, the window is the declared one and the bites are counted from the attempts."""
    ledger = passing()
    ledger.tables["faults"].clear()
    result = judged(ledger, tmp_path)
    assert (result.episodes[0].from_s, result.episodes[0].until_s) == (2.0, 4.0)
    assert result.episodes[0].windows[0].bites == sum(row["fault"] is not None for row in ledger.tables["attempts"])


def test_a_router_that_loses_calls_before_any_fault_proves_nothing_about_it(tmp_path: Path) -> None:
    """Two of 100 calls lost before the window take away a pass, but still break what they break."""
    ledger = passing()
    ledger.manifest["scenario"]["expect"] = {"time_to_fail_over": "<= 250ms"}
    ledger.change("calls", lambda row: row["call"] in {7, 8}, outcome="late")
    result = judged(ledger, tmp_path / "a")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "98 of 100 calls due before the first window were good" in result.sentence
    ledger.manifest["scenario"]["expect"] = {"lost_calls": 0}
    result = judged(ledger, tmp_path / "b")
    assert result.verdict is Verdict.FAIL
    assert "2 of 400 calls were lost (2 of them due before any fault)" in result.sentence


def test_too_small_a_baseline_can_not_judge_recovery(tmp_path: Path) -> None:
    """Recovery is measured against calls before the first window: ten of them are no baseline."""
    story = Story(rate=50, duration_s=8.0, at_s=0.2, until_s=2.0, expect={"time_to_recover": "<= 1s"})
    result = judged(simulate(story), tmp_path)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.expectations[0].note == "the baseline has 10 good calls, needs 20"


def test_background_traffic_needs_its_invoice_too(tmp_path: Path) -> None:
    """An attempt without a mark that reached a provider joins like any other."""
    ledger = passing()
    add_attempt(ledger.tables, None, 0, "anthropic", 1.0, 1.1)
    assert judged(ledger, tmp_path / "a").verdict is Verdict.PASS
    ledger.tables["invoices"].pop()
    assert judged(ledger, tmp_path / "b").verdict is Verdict.INCONCLUSIVE
