"""Failing over and the outage where the run can't tell: no call was due, the end was not seen, another key answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstorm.reports.result import State, Verdict
from synthetic import Story, add_attempt, found, judged, ns, simulate


def test_where_no_call_was_due_nothing_can_be_said_of_failing_over(tmp_path: Path) -> None:
    """A fault that bit only what the router asked by itself, between two calls, is no failover that never came."""
    story = Story(at_s=3.0, until_s=4.0, detect_s=0.0, expect={"time_to_fail_over": "<= 500ms"})
    ledger = simulate(story)
    tables = ledger.tables
    due = {row["call"] for row in tables["schedule"] if not ns(2.98) <= row["scheduled_ns"] < ns(4.02)}
    for table in ("schedule", "calls", "attempts"):
        tables[table] = [row for row in tables[table] if row["call"] in due]
    kept = {row["attempt"] for row in tables["attempts"]}
    tables["invoices"] = [row for row in tables["invoices"] if row["attempt"] in kept]
    add_attempt(tables, None, 0, "anthropic", 3.2, 3.21, story=story, bitten=True)
    ledger.change("faults", lambda _: True, bites=1, matched=1, first_bite_ns=ns(3.2), last_bite_ns=ns(3.2))
    result = judged(ledger, tmp_path)
    each = found(result, "time_to_fail_over")
    assert (None, False, "no call was due in the episode") == (each.value, each.censored, each.reason)
    assert (State.UNKNOWN, Verdict.INCONCLUSIVE) == (result.expectations[0].state, result.verdict)


@pytest.mark.parametrize(
    ("open_from_s", "limit", "deadline_s", "censored", "state"),
    [
        (10.9, "<= 1050ms", 1.0, True, State.BROKEN),  # 1.1 s open is the longest
        (11.1, "<= 1050ms", 0.5, True, State.UNKNOWN),  # 0.9 s open may have become longer than the 1 s before
        (11.1, "<= 900ms", 0.5, True, State.BROKEN),  # the closed one alone is too long
        (11.7, "<= 1050ms", 0.5, False, State.MET),  # open for less than a deadline: a call lost, no outage yet
        (None, "<= 1050ms", 0.5, False, State.MET),
    ],
)
def test_an_outage_open_at_the_end_is_not_hidden_by_a_longer_one(
    open_from_s: float | None, limit: str, deadline_s: float, *, censored: bool, state: State, tmp_path: Path
) -> None:
    """The longest that ended is a lower bound while another goes on: no limit above it is met for certain."""
    story = Story(fail_over_s=1.0, detect_s=1.0, until_s=5.0, deadline_s=deadline_s, expect={"outage": limit})
    ledger = simulate(story)
    first = 10_000 if open_from_s is None else round(open_from_s * story.rate)
    ledger.change("calls", lambda row: row["call"] >= first, outcome="error", status=502)
    result = judged(ledger, tmp_path)
    each = found(result, "outage", "run")
    assert censored is each.censored
    assert censored is (each.reason == "no good call followed before the load ended")
    assert state is result.expectations[0].state


@pytest.mark.parametrize(
    ("selectors", "another", "value"),
    [
        ({"credential": "sk-one"}, {"credential": "sk:two"}, 0.1),
        ({"model": "claude-sonnet-5"}, {"model": "claude-haiku-5"}, 0.1),
        ({}, {"credential": "sk:two"}, None),  # the provider itself was broken: who still answers there is no other
        ({"credential": "sk-one", "stream": True}, {"credential": "sk:two"}, None),  # a plain request is no failover
        ({"credential": "sk-one"}, None, None),  # the same key again, once it was well
    ],
)
def test_another_key_or_model_of_the_same_provider_is_elsewhere_where_only_one_was_broken(
    selectors: dict[str, str | bool], another: dict[str, str] | None, value: float | None, tmp_path: Path
) -> None:
    """Rescued by what the fault did not mean and did not bite, while it lasted: that is failing over as well."""
    story = Story(fail_over_s=0.1, detect_s=0.1, expect={"lost_calls": "<= 20"})
    ledger = simulate(story)
    ledger.manifest["scenario"]["timeline"][0] |= selectors
    rescued = {row["call"] for row in ledger.tables["attempts"] if row["provider"] == "openai"}
    there = {"provider": "anthropic", "model": "claude-sonnet-5", "credential": "sk:anthropic"}
    ledger.change("attempts", lambda row: row["provider"] == "openai", **there | (another or {}))
    ledger.change("calls", lambda row: row["provider"] == "openai", provider="anthropic")
    ledger.change("invoices", lambda row: row["provider"] == "openai", provider="anthropic")
    if another is None:
        late = {"received_ns": ns(7.01), "first_byte_ns": ns(7.02), "ended_ns": ns(7.03)}
        ledger.change("attempts", lambda row: row["call"] in rescued and row["status"] == 200, **late)
        ledger.change("calls", lambda row: row["call"] in rescued, ended_ns=ns(7.03))
    over = found(judged(ledger, tmp_path), "time_to_fail_over")
    assert (value is None) is over.censored
    assert value is None or over.value == pytest.approx(value, abs=0.01)
