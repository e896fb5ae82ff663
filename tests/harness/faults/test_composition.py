"""Entries in a rhythm, by turns and by whose draw; selectors beyond model, stream, credential and path."""

from __future__ import annotations

import itertools

import pytest
from banstorm.fakes import dialects
from banstorm.harness.faults.timeline import Timeline
from banstorm.harness.load.schedule import callers

T0 = 1_000_000_000_000
MS = 1_000_000
S = 1_000 * MS
FAULT = {"at": "0s", "on": "openai", "fault": "overloaded"}


@pytest.fixture
def timeline_of(scenario_of):
    """Makes a started timeline; `load` changes the scenario's load."""

    def make(*entries, seed=1, **load):
        scenario = scenario_of(entries)
        if load:
            whole = scenario.model_dump(mode="json", by_alias=True)
            scenario = type(scenario).model_validate(whole | {"load": whole["load"] | load})
        every = {name: dialects.find(each.dialect) for name, each in scenario.providers.items()}
        timeline = Timeline(scenario, run="7f3a9c", seed=seed, dialects=every)
        timeline.start(T0)
        timeline.scenario = scenario
        return timeline

    return make


@pytest.fixture
def bitten(request_of):
    """Whether an attempt is bitten."""

    def decide(timeline, call=1, at_ns=T0, provider="openai", *, headers=None, path=None):
        head, _, body = request_of(provider, call, stream=False).partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        pairs = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
        method, asked, _ = line.split()
        plan = timeline.plan(
            provider, method, path or asked, headers={**pairs, **(headers or {})}, body=body, received_ns=at_ns
        )
        return not plan.untouched

    return decide


@pytest.mark.parametrize(
    ("at_ms", "on"),
    [
        (999, False),
        (1000, True),
        (1499, True),
        (1500, False),
        (2999, False),
        (3000, True),
        (3499, True),
        (3500, False),
        (5000, True),
        (5199, True),
        (5200, False),
        (5400, False),
    ],
)
def test_a_flapping_entry_is_on_for_its_duty_of_every_period(timeline_of, bitten, at_ms, on):
    """It is on from the start of each period for its duty, off for the rest, and over at `until`, mid-period or not."""
    timeline = timeline_of({**FAULT, "at": "1s", "until": "5200ms", "every": "2s", "duty": "25%"})
    assert on == bitten(timeline, at_ns=T0 + at_ms * MS)
    assert on == (timeline.active("openai", T0 + at_ms * MS) != [])


def test_each_on_period_has_a_row_of_its_own(timeline_of, bitten):
    """The ledger tells each window apart: when it was declared, what it meant and what it bit."""
    timeline = timeline_of({**FAULT, "at": "1s", "until": "6s", "every": "2s", "duty": "50%"})
    for at_ms in (1200, 1300, 2500, 5200):
        bitten(timeline, at_ns=T0 + at_ms * MS)
    rows = timeline.rows(T0 + 9 * S)
    assert [(1, 2, 2), (3, 4, 0), (5, 6, 1)] == [
        ((each["declared_from_ns"] - T0) / S, (each["declared_until_ns"] - T0) / S, each["bites"]) for each in rows
    ]
    assert [(0, False), (1, False), (2, False)] == [(each["period"], each["whole"]) for each in rows]
    assert T0 + 1200 * MS == rows[0]["first_bite_ns"]
    assert ["bite"] == [each.event for each in timeline.news if each.event == "bite"]


def test_edges_of_each_period_are_told(timeline_of):
    """Whoever watches hears of each window that opens and closes."""
    timeline = timeline_of({**FAULT, "until": "4s", "every": "2s"})
    timeline.pass_edges(T0 + 9 * S)
    assert [("armed", 0), ("disarmed", 1), ("armed", 2), ("disarmed", 3)] == [
        (each.event, (each.at_ns - T0) / S) for each in timeline.news
    ]


def test_a_flapping_door_opens_and_shuts_with_each_period(timeline_of):
    """A refused connection flaps like any other fault: the door's next edge is always the next one."""
    timeline = timeline_of({**FAULT, "fault": "connection_refused", "until": "4s", "every": "2s"})
    seen = [(timeline.door("openai", T0 + at * MS)) for at in (0, 1500, 2500, 3500, 4500)]
    assert ["refused", None, "refused", None, None] == [each.how for each in seen]
    assert [1, 2, 3, 4, None] == [None if each.next_ns is None else (each.next_ns - T0) / S for each in seen]
    assert [0, 2] == [(each.since_ns - T0) / S for each in seen if each.since_ns is not None]


def test_a_share_grows_in_a_straight_line(timeline_of, bitten):
    """At a quarter of the window about a quarter is bitten, at its begin nothing, close to its end nearly all."""
    entry = {**FAULT, "until": "10s", "share": {"from": "0%", "to": "100%"}}
    found = []
    for at_s in (0, 2.5, 5, 9.99):
        timeline = timeline_of(entry)
        found.append(sum(bitten(timeline, call=call, at_ns=T0 + round(at_s * S)) for call in range(300)))
    assert 0 == found[0]
    assert 50 < found[1] < 100
    assert 120 < found[2] < 180
    assert found[3] > 290
    (row,) = timeline.rows(T0 + 11 * S)
    assert (1.0, 0.0, 1.0, False) == (row["share"], row["share_begin"], row["share_end"], row["whole"])


def test_a_share_may_shrink(timeline_of, bitten):
    """An outage that heals: everything at its begin, next to nothing at its end."""
    timeline = timeline_of({**FAULT, "until": "10s", "share": {"from": "100%", "to": "0%"}})
    assert 100 == sum(bitten(timeline, call=call) for call in range(100))
    assert 10 > sum(bitten(timeline, call=call, at_ns=T0 + 10 * S - 1) for call in range(100))


def test_all_attempts_of_a_call_fare_alike_where_the_share_is_one_of_calls(timeline_of, bitten):
    """A retry does not help a call that is bitten, and does not hurt one that is not."""
    timeline = timeline_of({**FAULT, "share": "50%", "share_of": "call"})
    seen = {call: {bitten(timeline, call=call) for _ in range(4)} for call in range(200)}
    assert {1} == {len(each) for each in seen.values()}
    assert 70 < sum(True in each for each in seen.values()) < 130


def test_a_staged_roll_out_reaches_credentials_one_by_one_and_keeps_them(timeline_of, bitten):
    """With a growing share of credentials whoever is reached stays so, and all of its requests are bitten."""
    timeline = timeline_of({**FAULT, "until": "10s", "share": {"from": "0%", "to": "100%"}, "share_of": "credential"})
    keys = [f"sk-proj-{number:040d}" for number in range(60)]
    reached = []
    for at_s in range(10):
        hit = {
            key
            for number, key in enumerate(keys)
            if bitten(
                timeline,
                call=number + 1000 * at_s,
                at_ns=T0 + at_s * S,
                headers={"authorization": f"Bearer {key}"},
            )
        }
        reached.append(hit)
    assert all(before <= after for before, after in itertools.pairwise(reached))
    assert 0 == len(reached[0])
    assert 15 < len(reached[5]) < 45
    assert len(reached[9]) > 45


def test_a_share_of_callers_is_that_of_the_schedules_callers(timeline_of, bitten):
    """Calls of one caller fare alike, by the same seed in every run, and the share is one of callers."""
    timeline = timeline_of({**FAULT, "share": "50%", "share_of": "caller"}, callers=20, duration="20s", rate="20/s")
    whose = callers(timeline.scenario)
    seen: dict[int, set[bool]] = {}
    for call in range(1, len(whose) + 1):
        seen.setdefault(whose[call - 1], set()).add(bitten(timeline, call=call))
    assert {1} == {len(each) for each in seen.values()}
    assert 3 < sum(True in each for each in seen.values()) < 17
    assert isinstance(bitten(timeline, call=len(whose) + 5), bool)


def test_together_is_the_same_draw_at_every_provider(timeline_of, bitten):
    """A correlated fault bites the same attempts everywhere; without `together` each provider draws for itself."""
    entry = {**FAULT, "on": ["openai", "anthropic"], "share": "50%"}
    for together, same in ((True, True), (False, False)):
        timeline = timeline_of({**entry, "together": together})
        pairs = [tuple(bitten(timeline, call=call, provider=name) for name in entry["on"]) for call in range(100)]
        assert same == all(one == two for one, two in pairs)
        assert {True, False} == {one for one, _ in pairs}


def test_a_staggered_entry_reaches_one_provider_after_the_other(timeline_of, bitten):
    """Each further provider is reached later by `stagger`; all end together."""
    timeline = timeline_of({**FAULT, "until": "4s", "on": ["openai", "anthropic"], "stagger": "1500ms"})
    expected = {"openai": (True, True, False), "anthropic": (False, True, False)}
    for name, states in expected.items():
        assert states == tuple(bitten(timeline, at_ns=T0 + at * MS, provider=name) for at in (1499, 1500, 4000))


@pytest.mark.parametrize(
    ("selector", "asked", "matches"),
    [
        ({"header": {"x-team": "blue"}}, {"headers": {"x-team": "blue"}}, True),
        ({"header": {"X-Team": "blue"}}, {"headers": {"x-team": "blue"}}, True),
        ({"header": {"x-team": "blue"}}, {"headers": {"x-team": "blueish"}}, False),
        ({"header": {"x-team": "blue"}}, {}, False),
        ({"header": {"x-team": "b*e"}}, {"headers": {"x-team": "blue, whole"}}, True),
        ({"header": {"x-team": "bl?e"}}, {"headers": {"x-team": "blue"}}, True),
        ({"header": {"x-team": "[bB]lue"}}, {"headers": {"x-team": "blue"}}, False),
        ({"header": {"x-team": "[b]lue"}}, {"headers": {"x-team": "[b]lue"}}, True),
        ({"header": {"a": "1", "b": "*"}}, {"headers": {"a": "1"}}, False),
        ({"header": {"a": "1", "b": "*"}}, {"headers": {"a": "1", "b": ""}}, True),
        ({"region": "us-east-1"}, {"headers": {"host": "bedrock-runtime.us-east-1.amazonaws.com"}}, True),
        ({"region": "us-east-1"}, {"headers": {"host": "bedrock-runtime.eu-west-1.amazonaws.com:443"}}, False),
        ({"region": "europe-west4"}, {"headers": {"host": "europe-west4-aiplatform.googleapis.com"}}, True),
        ({"region": "us-east5"}, {"path": "/v1/locations/us-east5/x"}, True),
        (
            {"region": "us-west-2"},
            {"headers": {"authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-west-2/bedrock/aws4_request"}},
            True,
        ),
        ({"region": "us-west-2"}, {}, False),
    ],
)
def test_selectors_by_header_and_region(timeline_of, bitten, selector, asked, matches):
    """A header's value may have * and ?, nothing else is special; a region is what signature, path or host name."""
    timeline = timeline_of({**FAULT, **selector})
    assert matches == bitten(timeline, **asked)
    assert matches == sum(row["matched"] for row in timeline.rows(T0))


@pytest.mark.parametrize(
    ("selector", "numbers"),
    [
        ({"nth": 3}, [3]),
        ({"nth": [1, 4]}, [1, 4]),
        ({"first": 2}, [1, 2]),
    ],
)
def test_requests_are_counted_among_those_that_match_in_the_window(timeline_of, bitten, selector, numbers):
    """The n-th is that of the matching requests inside the window: what comes before it or elsewhere counts nothing."""
    timeline = timeline_of({**FAULT, "at": "1s", "stream": False, **selector})
    assert not bitten(timeline, call=90, at_ns=T0)
    assert not bitten(timeline, call=91, at_ns=T0 + S, provider="anthropic")
    found = [number for number in range(1, 7) if bitten(timeline, call=number, at_ns=T0 + S)]
    assert numbers == found
    (row,) = timeline.rows(T0 + 2 * S)
    assert (len(numbers), len(numbers), False) == (row["matched"], row["bites"], row["whole"])


def test_attempts_are_those_of_a_call_at_the_provider(timeline_of, bitten):
    """`attempt: 1` bites the first attempt of each call and lets its retries pass."""
    timeline = timeline_of({**FAULT, "attempt": 1})
    assert [True, False, False] == [bitten(timeline, call=1) for _ in range(3)]
    assert [True, False] == [bitten(timeline, call=2) for _ in range(2)]


def test_the_attempt_says_which_entries_meant_it(timeline_of, request_of):
    """Coverage counts what was meant beside what was bitten, so the attempt's row names both."""
    timeline = timeline_of({**FAULT, "share": "0%"}, {**FAULT, "fault": "hang"}, {**FAULT, "at": "5s"})
    head, _, body = request_of("openai", 1, stream=False).partition(b"\r\n\r\n")
    path = head.split()[1].decode()
    plan = timeline.plan("openai", "POST", path, headers={}, body=body, received_ns=T0)
    row = plan.record.row(T0, "complete", None)
    assert ("0:overloaded+1:hang", "1:hang") == (row["matched"], row["fault"])
