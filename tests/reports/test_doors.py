"""A shut door leaves no attempt behind: what nobody saw is not observable, and never zero."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic import Ledger, Story, found, judged, ns, value
from told import Told, run_of, steady

STORY = Story(rate=20, duration_s=8.0, at_s=2.0, until_s=4.0, fault="connection_refused")
UNSEEN = ("time_to_detect", "probe_rate", "switch_gap.p50", "switch_gap.p95", "switch_gap.max")


def door(*, canaries: bool = True, bites: int = 0) -> Ledger:
    """Anthropic's door is shut for 2 s; each call is rescued by openai, and the refused attempts are in no table."""
    elsewhere = [Told(due, due + 0.15, "openai") for due in (round(2 + n / 20, 6) for n in range(40))]
    for call in elsewhere:
        call.attempts = [("openai", call.due + 0.05, call.ended, False)]
    ledger = run_of(STORY, [*steady(0, 2, 0.05), *elsewhere, *steady(4, 8, 0.05)])
    told = {
        "provider": "anthropic",
        "entry": "0:connection_refused",
        "at_ns": 1,
        "found": "refused",
        "wanted": "refused",
    }
    ledger.manifest["canaries"] = [told, told | {"entry": None, "wanted": "connected"}] if canaries else []
    first_ns = next(row["armed_ns"] for row in ledger.tables["faults"])
    ledger.change("faults", lambda _: True, bites=bites, matched=bites, first_bite_ns=first_ns)
    return ledger


@pytest.mark.parametrize(("canaries", "bites"), [(True, 0), (False, 4), (True, 4)])
def test_what_a_shut_door_hides_is_not_observable(tmp_path: Path, *, canaries: bool, bites: int) -> None:
    """Known by the canaries that proved it, or by bites that no attempt shows: no detection of 0 ms, but a reason."""
    result = judged(door(canaries=canaries, bites=bites), tmp_path)
    for key in UNSEEN:
        each = found(result, key)
        assert (each.value, (each.reason or "").partition(":")[0]) == (None, "not observable"), key
    assert any("shut door" in each for each in result.not_observable)
    assert "no witness saw them" in (found(result, "retry_amplification").reason or "")
    # What the callers lived through is seen all the same.
    assert value(result, "time_to_fail_over") == pytest.approx(0.0)
    assert value(result, "lost_calls", "run") == 0


def test_an_expectation_of_what_nobody_saw_is_undecided(tmp_path: Path) -> None:
    """No pass is made of a measure that the run can't show."""
    ledger = door()
    ledger.manifest["scenario"]["expect"] = {"time_to_detect": "<= 1s"}
    (expectation,) = judged(ledger, tmp_path).expectations
    assert (expectation.state, (expectation.note or "")[:14]) == ("unknown", "not observable")


def test_a_fault_that_shows_in_the_attempts_is_no_door(tmp_path: Path) -> None:
    """As many bites as bitten attempts: detection is measured."""
    calls = [*steady(0, 2, 0.05), Told(2.0, 2.02, None, "error", 502, attempts=[("anthropic", 2.002, 2.01, True)])]
    result = judged(run_of(STORY, [*calls, *steady(2.05, 4, 0.05, provider="openai"), *steady(4, 8, 0.05)]), tmp_path)
    assert value(result, "time_to_detect") is not None
    assert not any("shut door" in each for each in result.not_observable)


@pytest.mark.parametrize(("outcome", "ended", "baseline"), [("refused", 2.3, 38), ("ok", 2.3, 40), ("error", 1.95, 40)])
def test_what_a_shutting_door_broke_off_is_no_baseline(
    tmp_path: Path, outcome: str, ended: float, baseline: int
) -> None:
    """Two calls under way when the door shut: lost, they are the door's; good, or lost before, they are baseline."""
    ledger = door()
    dues = [row["call"] for row in ledger.tables["schedule"]][38:40]
    at_ns = ledger.manifest["t0_ns"] + round(ended * 1e9)
    ledger.change("calls", lambda row: row["call"] in dues, outcome=outcome, ended_ns=at_ns)
    result = judged(ledger, tmp_path)
    assert next(each.calls for each in result.phases if each.name == "baseline") == baseline


def test_what_an_event_broke_off_is_no_baseline(tmp_path: Path) -> None:
    """A router that is killed takes the calls under way with it; the check of the baseline does not count them."""
    ledger = door()
    entry = ledger.manifest["scenario"]["timeline"][0]
    ledger.manifest["scenario"]["timeline"] = [{"at": entry["at"], "until": entry["until"], "event": "kill_router"}]
    ledger.change("faults", lambda _: True, entry="0:kill_router", fault="kill_router", provider="the router")
    dues = [row["call"] for row in ledger.tables["schedule"]][36:40]
    at_ns = ledger.manifest["t0_ns"] + round(2.3 * 1e9)
    ledger.change("calls", lambda row: row["call"] in dues, outcome="refused", status=None, ended_ns=at_ns)
    sound = next(each for each in judged(ledger, tmp_path).checks if each.name == "sound before the fault")
    assert (sound.ok, sound.found) == (True, "36 of 36 calls due before the first window were good")


@pytest.mark.parametrize("fault", ["connection_refused", "overloaded"])
def test_a_door_that_shuts_after_another_window_opened_excuses_what_it_broke_off(tmp_path: Path, fault: str) -> None:
    """A harmless window on the other provider opens 10 ms earlier: what the door cut short is no baseline all the same.

    Where no door shut, the same two losses are the router's own.
    """
    ledger = door(canaries=fault == "connection_refused")
    first = ledger.tables["faults"][0]
    timeline = ledger.manifest["scenario"]["timeline"]
    timeline.append({**timeline[0], "at": "1.99s", "on": "openai", "fault": "overloaded", "share": "1%"})
    opened = {"armed_ns": ns(1.99), "declared_from_ns": ns(1.99), "entry": "1:overloaded", "fault": "overloaded"}
    bite = {"bites": 1, "matched": 1, "share": 0.01, "first_bite_ns": ns(3.05), "last_bite_ns": ns(3.05)}
    ledger.tables["faults"].append({**first, **opened, **bite, "provider": "openai"})
    attempt = next(row for row in ledger.tables["attempts"] if row["received_ns"] == ns(3.05))
    attempt["fault"] = "1:overloaded"
    dues = [row["call"] for row in ledger.tables["schedule"]][38:40]
    ledger.change("calls", lambda row: row["call"] in dues, outcome="refused", status=None, ended_ns=ns(2.001))
    sound = next(each for each in judged(ledger, tmp_path).checks if each.name == "sound before the fault")
    excused = fault == "connection_refused"
    calls = 38 if excused else 40
    assert (excused, f"38 of {calls} calls due before the first window were good") == (sound.ok, sound.found)
