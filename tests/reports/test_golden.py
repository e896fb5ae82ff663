"""Each measure on a run small enough to be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstorm.reports.assemble import find_all
from banstorm.reports.failover import switches
from banstorm.reports.frames import read_run
from banstorm.reports.history import History
from synthetic import PRICES, TOKENS, Ledger, Story, add_attempt, found, judged, ns, value
from told import Told, run_of, steady, window_row

STORY = Story(rate=20, duration_s=8.0, at_s=2.0, until_s=4.0)


def lost(due: float, ended: float, *, outcome: str = "error", status: int = 502, caller: int = 0) -> Told:
    """A call whose only attempt was bitten."""
    return Told(due, ended, None, outcome, status, caller, [("anthropic", due + 0.002, ended - 0.001, True)])


def rescued(due: float, took: float, gap: float) -> Told:
    """A call that openai answered after anthropic's attempt was bitten."""
    left = due + 0.010
    attempts = [("anthropic", due + 0.002, left, True), ("openai", left + gap, due + took, False)]
    return Told(due, due + took, "openai", attempts=attempts)


def elsewhere(from_s: float, until_s: float, took: float = 0.1) -> list[Told]:
    """Calls that openai answers."""
    return steady(from_s, until_s, 0.05, took, provider="openai")


def ban() -> Ledger:
    """40 good calls, 2 lost (at 2.00 and 2.05), 2 rescued, then openai until 5.0, then anthropic again."""
    calls = [
        *steady(0, 2, 0.05),
        lost(2.00, 2.02, caller=1),
        lost(2.05, 2.08, caller=2),
        rescued(2.10, 0.2, 0.004),
        rescued(2.15, 0.3, 0.020),
        *elsewhere(2.20, 5.0),
        *steady(5.0, 8, 0.05),
    ]
    return run_of(STORY, calls)


def test_a_ban_worked_out_by_hand(tmp_path: Path) -> None:
    """The episode has 40 calls; t0 is 2.002 s, tc is 4 s; each value follows from its measure's definition."""
    result = judged(ban(), tmp_path)
    assert value(result, "lost_calls", "run") == 2
    assert value(result, "callers_hurt", "run") == 2
    assert value(result, "availability", "run") == pytest.approx(158 / 160)
    assert value(result, "outage", "run") == pytest.approx(0.10)
    # Good from the call due at 2.10 on, 0.098 s after the first bite at 2.002.
    assert value(result, "time_to_fail_over") == pytest.approx(0.098)
    # After the call due at 2.10, one of the next 20 (5 %) still goes there, and one of 37 due in the rest.
    assert value(result, "time_to_detect") == pytest.approx(0.098)
    assert value(result, "switch_gap.max") == pytest.approx(0.020)
    # Well at once: openai is as fast as the baseline.
    assert value(result, "time_to_recover") == 0
    # The call due at 5.0 is the first of anthropic's after tc; it ends at 5.1.
    assert value(result, "time_to_revert") == pytest.approx(1.1)
    assert value(result, "retry_amplification") == pytest.approx(42 / 40)
    # 40 + 60 calls by anthropic, 2 + 56 by openai.
    usd = TOKENS * (100 * PRICES["anthropic"] + 58 * PRICES["openai"])
    assert value(result, "cost_per_answer", "run") == pytest.approx(usd / 158)
    # In the episode 38 good answers, all by openai; before it all by anthropic.
    assert value(result, "cost_increase") == pytest.approx(PRICES["openai"] / PRICES["anthropic"])
    # 2 of a month's 20/s at 99.9 %.
    assert value(result, "budget_spent") == pytest.approx(2 / (0.001 * 20 * 30 * 86400))


def test_failing_over_must_hold_for_a_second(tmp_path: Path) -> None:
    """Half a second of good calls is no failover when a bad one follows: the time counts from after the last."""
    calls = [*steady(0, 2, 0.05), lost(2.0, 2.02), *elsewhere(2.05, 2.6), lost(2.6, 2.62), *elsewhere(2.65, 4)]
    result = judged(run_of(STORY, [*calls, *steady(4, 8, 0.05)]), tmp_path)
    assert value(result, "time_to_fail_over") == pytest.approx(0.648)


def test_good_answers_by_the_broken_provider_are_no_failover(tmp_path: Path) -> None:
    """A router that sits out a slow provider loses nothing, but has not failed over: a lower bound."""
    slow = steady(2, 4, 0.05, 0.5)
    for call in slow:
        call.attempts = [("anthropic", call.due + 0.002, call.ended, True)]
    ledger = run_of(STORY, [*steady(0, 2, 0.05), *slow, *steady(4, 8, 0.05)])
    result = judged(ledger, tmp_path)
    over = found(result, "time_to_fail_over")
    assert over.censored
    assert over.value == pytest.approx(1.998)
    assert value(result, "lost_calls", "run") == 0


def test_a_switch_gap_is_the_last_switch_of_a_call_and_never_negative(tmp_path: Path) -> None:
    """Of anthropic, openai, anthropic, openai the last step counts; a hedge, begun before the first ended, is 0."""
    there_and_back = Told(2.0, 2.5, "openai")
    there_and_back.attempts = [
        ("anthropic", 2.002, 2.010, True),
        ("openai", 2.110, 2.120, False),
        ("anthropic", 2.125, 2.130, True),
        ("openai", 2.137, 2.500, False),
    ]
    hedged = Told(2.05, 2.5, "openai", attempts=[("anthropic", 2.052, 2.4, True), ("openai", 2.2, 2.5, False)])
    calls = [*steady(0, 2, 0.05), there_and_back, hedged, *elsewhere(2.1, 4), *steady(4, 8, 0.05)]
    run = read_run(run_of(STORY, calls).write(tmp_path))
    assert switches(History(run))["gap_s"].tolist() == pytest.approx([0.007, 0.0])


def test_probes_are_attempts_after_the_router_has_left(tmp_path: Path) -> None:
    """One attempt at 3.0 s, after the router has left, is one probe in what remains of the episode."""
    ledger = ban()
    row = next(each for each in ledger.tables["schedule"] if each["scheduled_ns"] == ns(3.0))
    add_attempt(ledger.tables, row["call"], 5, "anthropic", 3.001, 3.002, story=STORY, bitten=True)
    result = judged(ledger, tmp_path)
    # Two of the 37 calls due after 2.10 go there, more than 5 %; one of the 36 due after 2.15 does not count.
    assert value(result, "time_to_detect") == pytest.approx(0.148)
    assert value(result, "probe_rate") == pytest.approx(1 / (4.0 - 2.15))


def test_added_latency_is_the_difference_of_medians(tmp_path: Path) -> None:
    """Answers of 0.1 s before and 0.35 s while the fault lasts add 0.25 s to the median."""
    calls = [*steady(0, 2, 0.05), lost(2.0, 2.02), *elsewhere(2.05, 4.0, 0.35), *steady(4.0, 8, 0.05)]
    result = judged(run_of(STORY, calls), tmp_path)
    assert value(result, "added_latency.p50") == pytest.approx(0.25)
    p95 = found(result, "added_latency.p95")
    assert (p95.value, p95.reason) == (None, "the baseline has 40 right answers, p95 needs 200")


def test_recovery_waits_for_the_latency_as_well(tmp_path: Path) -> None:
    """Calls that are good but slow until 5.0 s are no recovery: it begins where at most 5 % of 2 s are slow."""
    calls = [*steady(0, 2, 0.05), lost(2.0, 2.02), *elsewhere(2.05, 5.0, 0.4), *steady(5.0, 8, 0.05)]
    result = judged(run_of(STORY, calls), tmp_path)
    # The 95th percentile of 40 latencies, two of them slow, lies between the fast and the slow (0.95 x 39 = 37.05):
    # 0.1 + 0.05 x 0.3 is within 1.5 x 0.1. So the call due at 4.90 is the first from which it holds.
    assert value(result, "time_to_recover") == pytest.approx(0.90)


def test_recovery_waits_for_the_losses_to_end(tmp_path: Path) -> None:
    """A bad call in the 2 s after an instant is more than 1 % of 40: recovery begins after the last of them."""
    calls = [*steady(0, 2, 0.05), lost(2.0, 2.02), *elsewhere(2.05, 4.5), Told(4.5, 4.6, None, "error", 502)]
    result = judged(run_of(STORY, [*calls, *steady(4.55, 8, 0.05)]), tmp_path)
    assert value(result, "time_to_recover") == pytest.approx(0.55)


def test_a_router_that_never_leaves_is_a_lower_bound(tmp_path: Path) -> None:
    """Without fallback detection and failover are censored at the episode's length, which the outage fills."""
    dying = [lost(2 + step * 0.05, 2.03 + step * 0.05) for step in range(40)]
    result = judged(run_of(STORY, [*steady(0, 2, 0.05), *dying, *steady(4, 8, 0.05)]), tmp_path)
    # Nothing refutes that it left just after the last call due, at 3.95.
    for key, bound in (("time_to_detect", 1.948), ("time_to_fail_over", 1.998)):
        each = found(result, key)
        assert (each.censored, each.value) == (True, pytest.approx(bound)), key
    assert value(result, "outage", "run") == pytest.approx(2.0)
    assert value(result, "time_to_recover") == 0
    assert found(result, "probe_rate").value is None


def test_an_outage_that_the_load_does_not_outlive_is_a_lower_bound(tmp_path: Path) -> None:
    """Bad calls to the end: outage, recovery and revert are censored at what was seen."""
    dying = [lost(2 + step * 0.05, 2.03 + step * 0.05) for step in range(40)]
    dead = [Told(4 + step * 0.05, 4.03 + step * 0.05, None, "refused", 502) for step in range(80)]
    result = judged(run_of(STORY, [*steady(0, 2, 0.05), *dying, *dead]), tmp_path)
    outage, recover, revert = (found(result, f"{key}") for key in ("outage", "time_to_recover", "time_to_revert"))
    assert (outage.censored, outage.value) == (True, pytest.approx(6.0))
    assert (revert.censored, revert.value) == (True, pytest.approx(4.0))
    # Every instant up to the last call is refuted by a bad call.
    assert (recover.censored, recover.value) == (True, pytest.approx(4.0))


def test_partial_faults_are_not_detected_or_failed_over(tmp_path: Path) -> None:
    """With a share below 100 % these measures do not apply, and an expectation on them can't be judged."""
    story = Story(rate=20, duration_s=8.0, at_s=2.0, until_s=4.0, share=0.5, expect={"time_to_fail_over": "<= 1s"})
    calls = [*steady(0, 2, 0.05), lost(2.0, 2.02), *steady(2.05, 8, 0.05)]
    result = judged(run_of(story, calls), tmp_path)
    for key in ("time_to_detect", "time_to_fail_over", "probe_rate"):
        assert (found(result, key).value, found(result, key).applies) == (None, False), key
    assert result.expectations[0].state == "unknown"
    assert "share" in (result.expectations[0].note or "")


@pytest.mark.parametrize(
    ("outcome", "status", "proper", "silent"),
    [
        ("foreign", 200, True, 1),
        ("corrupted", 200, True, 1),
        ("truncated", 200, True, 1),
        ("shortened", 200, True, 1),
        ("corrupted", 502, True, 0),
        ("corrupted", 200, False, 0),
        ("stitched", 200, True, 0),
        ("late", 200, True, 0),
        ("error", 200, True, 0),
        ("hung", 200, False, 0),
    ],
)
def test_a_silent_loss_looked_like_a_success(
    outcome: str, status: int, silent: int, tmp_path: Path, *, proper: bool
) -> None:
    """Wrong words with a 2xx status and a proper ending are silent losses; what a caller can notice is only lost."""
    calls = steady(0, 8, 0.05)
    calls[70].outcome, calls[70].status = outcome, status
    ledger = run_of(STORY, calls)
    ledger.change("calls", lambda row: True, terminated=proper)
    result = judged(ledger, tmp_path)
    assert value(result, "lost_calls", "run") == 1
    assert value(result, "silent_losses", "run") == silent


def test_spend_that_no_usage_shows_is_hidden(tmp_path: Path) -> None:
    """A second billed attempt of a call, and background traffic, are hidden and wasted; the books still agree."""
    calls = steady(0, 8, 0.05)
    calls[20].attempts.insert(0, ("openai", calls[20].due + 0.001, calls[20].due + 0.05, False))
    ledger = run_of(STORY, calls)
    add_attempt(ledger.tables, None, 0, "openai", 5.0, 5.1)
    result = judged(ledger, tmp_path)
    assert value(result, "hidden_spend") == pytest.approx(2 * TOKENS * PRICES["openai"])
    assert value(result, "wasted") == pytest.approx(2 * TOKENS * PRICES["openai"])
    assert value(result, "bookkeeping_drift") == 1


def test_books_that_disagree_show_as_drift(tmp_path: Path) -> None:
    """An answer that reports half of what was billed for its attempt pulls the ratio below one."""
    ledger = run_of(STORY, steady(0, 8, 0.05))
    ledger.change("calls", lambda row: row["call"] < 80, tokens_reported=TOKENS // 2)
    assert value(judged(ledger, tmp_path), "bookkeeping_drift") == pytest.approx(0.75)


def test_two_windows_that_overlap_are_one_episode(tmp_path: Path) -> None:
    """Windows of one provider that touch are one episode; a later one is another, and each has its own values."""
    ledger = ban()
    entry = ledger.manifest["scenario"]["timeline"][0]
    ledger.manifest["scenario"]["timeline"] = [
        {**entry, "at": "2s", "until": "3s"},
        {**entry, "at": "3s", "until": "4s"},
        {**entry, "at": "6s", "until": "7s"},
    ]
    ledger.tables["faults"] = [
        window_row(STORY, 0, "anthropic", 2, 3, [ns(2.002)]),
        window_row(STORY, 1, "anthropic", 3, 4, []),
        window_row(STORY, 2, "anthropic", 6, 7, []),
    ]
    result = judged(ledger, tmp_path)
    spans = [(each.from_s, each.until_s, len(each.windows)) for each in result.episodes]
    assert spans == [(2.0, 4.0, 2), (6.0, 7.0, 1)]
    later = found(result, "time_to_fail_over", "episode 2 (anthropic)")
    assert (later.value, later.reason) == (None, "not exercised: the fault bit nothing")


def test_every_finding_is_a_measure_and_every_measure_is_found(tmp_path: Path) -> None:
    """The registry and the findings name the same keys in the same order, in the units that it says."""
    from banstorm.reports import measures

    findings = find_all(History(read_run(ban().write(tmp_path))))
    assert [each.key for each in findings] == measures.keys()
    for each in findings:
        for one in each.by_scope:
            if one.amounts is not None:
                assert set(one.amounts) == set(measures.find(each.key).units), each.key


@pytest.mark.parametrize(("allowed", "lost_calls"), [(False, 1), (True, 0)])
def test_a_stitched_answer_is_good_only_where_the_scenario_allows_it(tmp_path: Path, allowed, lost_calls) -> None:
    """`load.continuation` decides whether an answer pieced together from two providers counts as right."""
    ledger = run_of(STORY, [*steady(0, 8, 0.05), Told(2.01, 2.2, "anthropic+openai", "stitched")])
    ledger.manifest["scenario"]["load"]["continuation"] = allowed
    assert value(judged(ledger, tmp_path), "lost_calls", "run") == lost_calls
