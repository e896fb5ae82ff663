"""Logs whose truth is known, compiled: the same windows, the same mix, and the same again when they are played."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from banstorm.fakes.dialects import find
from banstorm.harness.compile import emit
from banstorm.harness.compile.events import Event, Log
from banstorm.harness.compile.scenario import Wish, decide
from banstorm.harness.compile.windows import WINDOW_S_MIN
from banstorm.harness.faults.base import Respond
from banstorm.harness.faults.timeline import Timeline
from banstorm.harness.registry import registry
from banstorm.scenarios.document import parse
from banstorm.scenarios.library import check_document
from hypothesis import given, settings
from hypothesis import strategies as st

SPAN_S = 600.0
FIT_S = 60.0
BIN_S = max(SPAN_S / 240, WINDOW_S_MIN * SPAN_S / FIT_S)
STATUS = {"overloaded": 529, "rate_limited": 429, "server_error": 500, "org_disabled": 400, "permission_denied": 403}
BODY = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}).encode()


@dataclass(frozen=True)
class Truth:
    """From when to when which share of the calls failed how."""

    from_s: float
    until_s: float
    kind: str
    share: float


@st.composite
def truths(draw) -> list[Truth]:
    """One to three windows, apart from each other."""
    found, at_s = [], 0.0
    for _ in range(draw(st.integers(1, 3))):
        begin_s = at_s + draw(st.floats(40, 70))
        at_s = begin_s + draw(st.floats(40, 110))
        found.append(Truth(begin_s, at_s, draw(st.sampled_from(sorted(STATUS))), draw(st.floats(0.5, 1.0))))
    return found


def _log(windows: Sequence[Truth], rate: float, seed: int, background: float = 0.0) -> Log:
    chooser = random.Random(seed)
    events, at_s = [], 0.0
    while (at_s := at_s + chooser.expovariate(rate)) < SPAN_S:
        kind = "server_error" if chooser.random() < background else ""
        for each in windows:
            if each.from_s <= at_s < each.until_s and chooser.random() < each.share:
                kind = each.kind
        events.append(Event(1e9 + at_s, "anthropic", "anthropic", kind, STATUS.get(kind, 200), latency_s=0.4))
    return Log(events, "a test")


def _share(log: Log, truth: Truth, inside: float = 0.0) -> float:
    here = [each for each in log.events if truth.from_s + inside <= each.at_s - 1e9 < truth.until_s - inside]
    return sum(each.kind == truth.kind for each in here) / len(here)


def _played(log: Log, wish: Wish) -> list[tuple[float, str]]:
    """Each call of the log, asked of the scenario's timeline at its own moment: when in the log, and what it met."""
    found = decide(log, wish)
    scenario = check_document(parse(emit.text(found), "compiled"), registry())
    dialect = find("anthropic")
    timeline = Timeline(scenario, run="7f3a9c", seed=scenario.seed, dialects={"anthropic": dialect})
    timeline.start(0)
    headers = {"x-api-key": dialect.key_example, "content-type": "application/json"}
    met = []
    for each in log.events:
        at_ns = round((found.lead_s + (each.at_s - log.events[0].at_s) / found.factor) * 1e9)
        plan = timeline.plan("anthropic", "POST", "/v1/messages", headers=headers, body=BODY, received_ns=at_ns)
        status = plan.action.reply.status if isinstance(plan.action, Respond) else 200
        met.append((each.at_s - 1e9, next((kind for kind, its in STATUS.items() if its == status), "")))
    return met


@settings(max_examples=40, deadline=None, derandomize=True)
@given(windows=truths(), rate=st.floats(6, 12), seed=st.integers(0, 10**6))
def test_windows_come_back_with_their_edges_kinds_and_shares(windows, rate, seed):
    """Edges lie within a bin of the truth, and shares within three points of what the log has."""
    log = _log(windows, rate, seed)
    found = decide(log, Wish(fit_s=FIT_S))

    def in_log(scenario_s: float) -> float:
        return (scenario_s - found.lead_s) * found.factor + log.events[0].at_s - 1e9

    assert [each.kind for each in windows] == [each.fault for each in found.windows]
    for truth, window in zip(windows, found.windows, strict=True):
        assert truth.from_s == pytest.approx(in_log(window.from_s), abs=BIN_S)
        assert truth.until_s == pytest.approx(in_log(window.until_s), abs=BIN_S)
        assert _share(log, truth) == pytest.approx(window.share, abs=0.03)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(windows=truths(), seed=st.integers(0, 10**6))
def test_a_compiled_log_that_is_played_has_the_logs_mix(windows, seed):
    """The injector's own timeline, asked at the log's own moments, fails as many in each window and none elsewhere."""
    log = _log(windows, 8, seed)
    met = _played(log, Wish(fit_s=FIT_S))
    for truth in windows:
        kinds = [kind for at_s, kind in met if truth.from_s + BIN_S <= at_s < truth.until_s - BIN_S]
        # two draws of the same share: the log's and the timeline's; four standard deviations of both
        slack = 4 * (2 * 0.25 / len(kinds)) ** 0.5
        assert _share(log, truth, BIN_S) == pytest.approx(kinds.count(truth.kind) / len(kinds), abs=slack)
        assert {"", truth.kind} >= set(kinds)
    outside = [
        kind for at_s, kind in met if not any(each.from_s - BIN_S <= at_s < each.until_s + BIN_S for each in windows)
    ]
    assert {""} == set(outside)


def test_kinds_that_came_together_take_turns_that_add_up():
    """Of one stretch with three kinds each gets its part, and at every moment as many calls fail as in the log."""
    chooser = random.Random(5)
    kinds = ["overloaded"] * 5 + ["rate_limited"] * 3 + ["server_error"] * 2 + [""] * 10
    events = []
    for number in range(6000):
        at_s = number / 10
        kind = chooser.choice(kinds) if 200 <= at_s < 400 else ""
        events.append(Event(1e9 + at_s, "anthropic", "anthropic", kind, STATUS.get(kind, 200)))
    met = [kind for at_s, kind in _played(Log(events, "a test"), Wish(fit_s=FIT_S)) if 205 <= at_s < 395]
    seen = Counter(met)
    for kind, share in {"overloaded": 0.25, "rate_limited": 0.15, "server_error": 0.1, "": 0.5}.items():
        assert share == pytest.approx(seen[kind] / len(met), abs=0.05)


def test_errors_that_were_always_there_are_played_throughout():
    """A background of errors is part of the mix, before, in and behind an outage."""
    log = _log([Truth(200, 300, "overloaded", 0.9)], 10, 8, background=0.06)
    met = _played(log, Wish(fit_s=FIT_S))
    for begin_s, end_s, share in ((0, 195, 0.06), (305, SPAN_S, 0.06)):
        kinds = [kind for at_s, kind in met if begin_s <= at_s < end_s]
        assert share == pytest.approx(kinds.count("server_error") / len(kinds), abs=0.025)


def test_compiling_what_was_compiled_gives_the_same_windows():
    """A scenario that is played becomes a log, and that the same scenario again."""
    windows = [Truth(100, 200, "overloaded", 1.0), Truth(300, 420, "rate_limited", 0.6)]
    first = decide(_log(windows, 10, 4), Wish(fit_s=FIT_S))
    met = _played(_log(windows, 10, 4), Wish(fit_s=FIT_S))
    events = [Event(at_s, "anthropic", "anthropic", kind, STATUS.get(kind, 200)) for at_s, kind in met]
    again = decide(Log(events, "a test"), Wish(fit_s=FIT_S))
    assert [each.fault for each in first.windows] == [each.fault for each in again.windows]
    for one, two in zip(first.windows, again.windows, strict=True):
        assert one.from_s == pytest.approx(two.from_s, abs=BIN_S * FIT_S / SPAN_S)
        assert one.until_s == pytest.approx(two.until_s, abs=BIN_S * FIT_S / SPAN_S)
        assert one.share == pytest.approx(two.share, abs=0.06)


def test_the_same_log_gives_the_same_scenario():
    """There is no chance in it, and no clock."""
    windows = [Truth(100, 200, "overloaded", 0.7)]
    once, twice = (emit.text(decide(_log(windows, 5, 9), Wish())) for _ in range(2))
    assert once == twice
