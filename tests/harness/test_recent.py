"""What is told while a run goes on: how long things took just now, and how calls ended."""

from __future__ import annotations

import time

from banstorm.harness.load.outcome import Verdict
from banstorm.harness.load.tally import Tally
from banstorm.harness.recent import LATENCIES_MAX, WINDOW_NS, Recent


def _verdict(outcome: str, provider: str | None) -> Verdict:
    return Verdict(outcome, outcome == "ok", None, terminated=True, provider=provider, places=1, answer_hash=None)


def test_only_what_ended_just_now_counts():
    """A latency of three seconds ago is forgotten; of twenty others the p95 is the highest."""
    now_ns = time.monotonic_ns()
    recent = Recent()
    assert [None, None] == recent.quantiles_ms(0.5, 0.95)
    recent.add(now_ns - WINDOW_NS - 1, 9_000_000_000)
    for number in range(1, 21):
        recent.add(now_ns, number * 1_000_000)
    assert [11.0, 20.0] == recent.quantiles_ms(0.5, 0.95)


def test_the_latencies_kept_are_bounded():
    """At a very high rate the oldest are forgotten first, so that memory stays as it is."""
    recent = Recent()
    now_ns = time.monotonic_ns()
    for number in range(LATENCIES_MAX + 5):
        recent.add(now_ns, number * 1_000_000)
    assert [5.0] == recent.quantiles_ms(0.0)


def test_calls_are_counted_by_how_they_ended_and_who_answered():
    """Who answered is only told of right answers: what a broken one names proves nothing."""
    tally = Tally()
    for outcome, provider in (("ok", "a"), ("ok", "b"), ("ok", "a"), ("corrupted", "c"), ("error", None)):
        tally.end(time.monotonic_ns(), 5_000_000, _verdict(outcome, provider))
    told = tally.fields()
    assert {"ok": 3, "corrupted": 1, "error": 1} == told["outcomes"]
    assert {"a": 2, "b": 1} == told["served"]
    assert (5, 3, 5.0, 5.0) == (told["ended"], told["good"], told["p50_ms"], told["p95_ms"])
