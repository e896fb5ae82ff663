"""Entries that come and go, grow, or leave no attempt behind: their windows, episodes, and what they really bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import synthetic as sim
from banstorm.reports.assemble import make_result
from banstorm.reports.frames import read_run
from banstorm.reports.result import Result, Verdict
from banstorm.reports.tables import CALLERS, ROUTER
from banstorm.reports.writers import markdown

ENTRY = "0:org_disabled"


def _result(ledger: sim.Ledger, folder: Path) -> Result:
    return make_result(read_run(ledger.write(folder)))


def _flapping(tmp_path: Path, **more: Any) -> Result:
    """A ban that is on from 3 to 4 and from 5 to 6 s, as the fault host wrote it down."""
    ledger = sim.simulate(sim.Story(share=0.5))
    (entry,) = ledger.manifest["scenario"]["timeline"]
    entry.update({"at": "3s", "until": "7s", "every": "2s", "duty": "50%", "share": "100%"} | more)
    (row,) = ledger.tables["faults"]
    ledger.tables["faults"] = [
        row
        | {
            "share": 1.0,
            "declared_from_ns": sim.ns(at),
            "armed_ns": sim.ns(at),
            "declared_until_ns": sim.ns(at + 1),
            "disarmed_ns": sim.ns(at + 1),
            "bites": bites,
            "matched": 10,
            "whole": False,
            "period": period,
            "phase": "answer",
        }
        for period, (at, bites) in enumerate(((3, 4), (5, 0)))
    ]
    return _result(ledger, tmp_path)


def test_an_entry_that_comes_and_goes_is_one_episode(tmp_path: Path) -> None:
    """Its windows are bands of their own in one episode that lasts from the first to the last, and a partial one."""
    (episode,) = _flapping(tmp_path).episodes
    assert (3.0, 6.0, True) == (episode.from_s, episode.until_s, episode.partial)
    assert [(3.0, 4.0, 0), (5.0, 6.0, 1)] == [(each.from_s, each.until_s, each.period) for each in episode.windows]


def test_windows_that_nothing_walked_into_are_named(tmp_path: Path) -> None:
    """An entry has bitten if one of its windows has; those that have not are told."""
    checks = {each.name: each for each in _flapping(tmp_path).checks}
    assert checks[f"{ENTRY} bit"].ok
    assert "1 of 2 windows not exercised" in checks[f"{ENTRY} bit"].found


def test_the_summary_tells_an_entry_once(tmp_path: Path) -> None:
    """However often it comes and goes."""
    told = markdown.render(_flapping(tmp_path))
    assert f"{markdown.cell('org_disabled')} hit 4 requests" in told
    assert 1 == told.count(" requests, from ")


def test_without_a_record_the_declared_windows_count(tmp_path: Path) -> None:
    """A killed injector left no row: each window is the declared one, and its bites are those of the attempts."""
    ledger = sim.simulate(sim.Story())
    (entry,) = ledger.manifest["scenario"]["timeline"]
    entry.update({"every": "2s", "duty": "50%"})
    ledger.tables["faults"] = []
    (episode,) = _result(ledger, tmp_path).episodes
    at = episode.windows[0].from_s
    assert [at, at + 2] == [each.from_s for each in episode.windows[:2]]
    assert [at + 1, at + 3] == [each.until_s for each in episode.windows[:2]]
    assert episode.windows[0].bites > 0


@pytest.fixture
def covered(tmp_path: Path) -> Result:
    """Every second bitten attempt came to another path, and one in the window was meant and not bitten."""
    ledger = sim.simulate(sim.Story())
    inside = [row for row in ledger.tables["attempts"] if row["fault"] == ENTRY]
    for number, row in enumerate(inside):
        row["matched"] = ENTRY
        row["path"] = "/v1/other" if number % 2 else "/v1/messages"
    inside[0]["fault"] = None
    (window,) = ledger.tables["faults"]
    window.update({"matched": len(inside), "bites": len(inside) - 1, "phase": "answer"})
    return _result(ledger, tmp_path)


def test_coverage_tells_what_share_bit_by_entry_provider_path_and_phase(covered: Result) -> None:
    """The rows of a path say how many requests were meant there and how many of them were bitten."""
    rows = {each.path: each for each in covered.coverage}
    assert {"/v1/messages", "/v1/other"} == set(rows)
    assert {("anthropic", "answer", ENTRY)} == {(each.provider, each.phase, each.entry) for each in covered.coverage}
    assert 1 == rows["/v1/messages"].matched - rows["/v1/messages"].bites
    assert 1.0 == rows["/v1/other"].share
    (window,) = covered.episodes[0].windows
    assert (window.matched, window.bites) == tuple(
        sum(getattr(each, name) for each in covered.coverage) for name in ("matched", "bites")
    )


def test_coverage_names_what_nothing_walked_into(tmp_path: Path) -> None:
    """An entry that met no attempt has a row that says so."""
    ledger = sim.simulate(sim.Story())
    for row in ledger.tables["attempts"]:
        row["fault"] = None
    (window,) = ledger.tables["faults"]
    window.update({"matched": 0, "bites": 0, "first_bite_ns": None, "last_bite_ns": None})
    (row,) = _result(ledger, tmp_path).coverage
    assert ("–", 0, 0, None) == (row.path, row.matched, row.bites, row.share)


def test_coverage_counts_what_left_no_attempt(tmp_path: Path) -> None:
    """A door that was met by a connection of our own bit something that no attempt shows."""
    ledger = sim.simulate(sim.Story())
    for row in ledger.tables["attempts"]:
        row["fault"] = None
    (window,) = ledger.tables["faults"]
    window.update({"matched": 3, "bites": 3})
    (row,) = _result(ledger, tmp_path).coverage
    assert ("–", 3, 3, 1.0) == (row.path, row.matched, row.bites, row.share)


def test_a_share_that_grows_is_told_with_both_ends(tmp_path: Path) -> None:
    """The window has both ends, and its episode is a partial one."""
    result = _flapping(tmp_path, share={"from": "10%", "to": "90%"})
    assert {(0.1, 0.9)} == {each.growth for each in result.episodes[0].windows}


def _with_events(tmp_path: Path, *entries: dict[str, Any], ledger: sim.Ledger | None = None, **columns: Any) -> Result:
    """A ban from 3 to 7 s, and events that the harness wrote down."""
    ledger = ledger or sim.simulate(sim.Story(expect={"lost_calls": "<= 5%", "switch_gap": {"max": "<= 1s"}}))
    (fault,) = ledger.tables["faults"]
    for index, entry in enumerate(entries, 1):
        ledger.manifest["scenario"]["timeline"].append(entry)
        at = float(entry["at"].removesuffix("s"))
        until = float(entry.get("until", f"{at + 0.1}s").removesuffix("s"))
        callers = entry["event"] == "disconnect_callers"
        ledger.tables["faults"].append(
            fault
            | {
                "entry": f"{index}:{entry['event']}",
                "fault": entry["event"],
                "provider": CALLERS if callers else ROUTER,
                "share": 1.0,
                "armed_ns": sim.ns(at),
                "disarmed_ns": sim.ns(until),
                "bites": 1,
                "matched": 1,
                "first_bite_ns": sim.ns(at),
                "last_bite_ns": sim.ns(at),
                "whole": False,
                "phase": "system",
            }
            | columns
        )
    return _result(ledger, tmp_path)


KILL = {"at": "8s", "until": "8.5s", "event": "kill_router"}


def test_an_event_is_an_episode_of_its_own(tmp_path: Path) -> None:
    """It has its band and its window, and what is about a provider does not apply to it."""
    result = _with_events(tmp_path, KILL)
    ban, event = result.episodes
    assert ("anthropic", ROUTER) == (ban.provider, event.provider)
    assert (8.0, 8.5, 8.0) == (event.from_s, event.until_s, event.first_bite_s)
    assert [("event", "kill_router", 1)] == [(each.kind, each.fault, each.bites) for each in event.windows]
    applies = {key: value.applies for key, value in event.times.items()}
    about = {"time_to_detect", "time_to_fail_over", "probe_rate", "switch_gap.p50", "switch_gap.max", "time_to_revert"}
    assert {False} == {applies[key] for key in (*about, "cost_increase")}
    assert {True} == {applies[key] for key in ("time_to_recover", "lost_calls", "retry_amplification", "outage")}


def test_an_event_takes_no_expectation_away(tmp_path: Path) -> None:
    """What can only be judged of a provider is judged of the episodes that have one."""
    result = _with_events(tmp_path, KILL)
    assert {"switch_gap.max"} == {each.measure for each in result.expectations if each.scope == result.episodes[0].id}
    assert all(each.ok for each in result.checks), [each for each in result.checks if not each.ok]


def test_an_event_counts_as_coverage(tmp_path: Path) -> None:
    """It has bitten when it really happened; one that did not is named."""
    result = _with_events(tmp_path, KILL)
    assert [("1:kill_router", ROUTER, "system", 1.0)] == [
        (each.entry, each.provider, each.phase, each.share) for each in result.coverage if each.kind == "event"
    ]
    (tmp_path / "idle").mkdir()
    idle = _with_events(tmp_path / "idle", KILL, bites=0, matched=0, first_bite_ns=None, last_bite_ns=None)
    assert not {each.name: each for each in idle.checks}["1:kill_router bit"].ok


def test_an_exit_that_the_timeline_caused_is_not_the_routers(tmp_path: Path) -> None:
    """A router that we killed and that never came back did not crash, and nobody interfered."""
    for ours, verdict in ((True, Verdict.PASS), (False, Verdict.INCONCLUSIVE)):
        ledger = sim.simulate(sim.Story())
        ledger.manifest["target_exit"] = {"code": None, "signal": 9, "at_ns": sim.ns(8), "ours": ours}
        (tmp_path / str(ours)).mkdir()
        assert verdict is _result(ledger, tmp_path / str(ours)).verdict


def test_who_left_as_told_is_neither_good_nor_lost(tmp_path: Path) -> None:
    """A call whose caller left in mid-stream because the timeline said so is not measured."""
    ledger = sim.simulate(sim.Story())
    for row in ledger.tables["calls"][60:65]:
        row.update({"outcome": "left", "terminated": False, "error": "left"})
    result = _result(ledger, tmp_path)
    before = _result(sim.simulate(sim.Story()), tmp_path / "whole")
    assert 5 == sum(each.calls for each in before.outcomes) - sum(each.calls for each in result.outcomes)
    assert before.verdict is result.verdict is Verdict.PASS
    assert "left" not in {each.outcome for each in result.outcomes}


def test_an_events_episode_begins_with_the_first_call_that_it_broke_off(tmp_path: Path) -> None:
    """A call that was under way when the router was killed was due before, and belongs to the episode."""
    result = _with_events(tmp_path, KILL)
    before = result.episodes[1].calls_due
    ledger = sim.simulate(sim.Story(expect={"lost_calls": "<= 5%", "switch_gap": {"max": "<= 1s"}}))
    due = {row["call"]: row["scheduled_ns"] for row in ledger.tables["schedule"]}
    last = max((call for call, at_ns in due.items() if at_ns < sim.ns(8)), key=lambda call: due[call])
    (tmp_path / "hurt").mkdir()
    for call in (last - 1, last):
        (row,) = (each for each in ledger.tables["calls"] if each["call"] == call)
        row.update({"outcome": "refused", "status": None, "terminated": False, "ended_ns": sim.ns(8.01)})
    hurt = _with_events(tmp_path / "hurt", KILL, ledger=ledger).episodes[1]
    assert (before + 2, 2) == (hurt.calls_due, hurt.calls_lost)
    assert hurt.times["outage"].value
