"""Failing over and the outage where the run can't tell: no call was due, the end was not seen, another key answered."""

from __future__ import annotations

from pathlib import Path

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
