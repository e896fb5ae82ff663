"""Which entries bite which attempt, decided from clocks, selectors and the seed alone."""

from __future__ import annotations

import random

import pytest
from banstorm.fakes import dialects
from banstorm.harness.faults.base import Cut, Forward, Hang, Respond
from banstorm.harness.faults.plan import ATTEMPT_HEADER
from banstorm.harness.faults.timeline import Timeline

T0 = 1_000_000_000_000
S = 1_000_000_000
STREAM_HEAD = [("content-type", "text/event-stream"), ("content-length", "99"), (ATTEMPT_HEADER, "a")]


@pytest.fixture
def timeline_of(scenario_of):
    """Makes a started timeline."""

    def make(*entries, seed=1, start=True, run="7f3a9c"):
        scenario = scenario_of(entries)
        timeline = Timeline(
            scenario,
            run=run,
            seed=seed,
            dialects={name: dialects.find(each.dialect) for name, each in scenario.providers.items()},
        )
        if start:
            timeline.start(T0)
        return timeline

    return make


@pytest.fixture
def attempt(request_of):
    """Decides about one attempt."""

    def decide(timeline, call=1, at_ns=T0, provider="openai", *, stream=False, headers=None, **more):
        head, _, body = request_of(provider, call, stream=stream, **more).partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        pairs = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
        method, path, _ = line.split()
        return timeline.plan(provider, method, path, headers={**pairs, **(headers or {})}, body=body, received_ns=at_ns)

    return decide


@pytest.mark.parametrize(
    ("at_ns", "bitten"),
    [
        (T0 - 1, False),
        (T0 + 2 * S - 1, False),
        (T0 + 2 * S, True),
        (T0 + 2 * S + 1, True),
        (T0 + 7 * S - 1, True),
        (T0 + 7 * S, False),
        (T0 + 900 * S, False),
    ],
)
def test_a_window_holds_its_start_and_not_its_end(timeline_of, attempt, at_ns, bitten):
    """An attempt is inside a window from `at`, inclusive, to `until`, exclusive, by when its headers arrived."""
    timeline = timeline_of({"at": "2s", "until": "7s", "on": "openai", "fault": "overloaded"})
    plan = attempt(timeline, at_ns=at_ns)
    assert bitten == isinstance(plan.action, Respond)
    assert (["0:overloaded"] if bitten else []) == plan.record.fault_ids
    (row,) = timeline.rows(at_ns)
    assert bitten == row["matched"] == row["bites"]


def test_an_entry_without_an_end_lasts_as_long_as_the_load(timeline_of, attempt):
    """Without `until` the window ends with the load."""
    timeline = timeline_of({"at": "0s", "on": "openai", "fault": "hang"})
    assert isinstance(attempt(timeline, at_ns=T0 + 3600 * S - 1).action, Hang)
    assert attempt(timeline, at_ns=T0 + 3600 * S).untouched


def test_before_the_start_nothing_is_active(timeline_of, attempt):
    """Readiness and warm-up calls before time 0 was told meet no fault, and there is nothing to write down."""
    timeline = timeline_of({"at": "0s", "on": "openai", "fault": "hang"}, start=False)
    assert attempt(timeline).untouched
    assert [] == timeline.active("openai", T0)
    assert [] == timeline.rows(T0)


@pytest.mark.parametrize(
    ("selector", "asked", "matches"),
    [
        ({"model": "m"}, {}, True),
        ({"model": "m"}, {"model": "other"}, False),
        ({"stream": True}, {"stream": True}, True),
        ({"stream": True}, {"stream": False}, False),
        ({"stream": False}, {"stream": False}, True),
        ({"credential": dialects.find("openai").key_example}, {}, True),
        ({"credential": "sk-other"}, {}, False),
        ({"path": "/v1/chat"}, {}, True),
        ({"path": "/v1/embeddings"}, {}, False),
        ({"on": "anthropic"}, {}, False),
        ({"on": ["anthropic", "openai"]}, {}, True),
        ({"model": "m", "stream": True, "path": "/v1/"}, {"stream": True}, True),
        ({"model": "m", "stream": True, "path": "/v1/"}, {"stream": False}, False),
    ],
)
def test_selectors(timeline_of, attempt, selector, asked, matches):
    """Every selector that is given must hold."""
    timeline = timeline_of({"at": "0s", "on": "openai", "fault": "overloaded", **selector})
    assert matches == (not attempt(timeline, **asked).untouched)
    assert matches == sum(row["matched"] for row in timeline.rows(T0))


def test_a_request_that_cannot_be_understood_is_background(timeline_of):
    """An unreadable body has no model and no call; an entry without selectors still bites it."""
    timeline = timeline_of(
        {"at": "0s", "on": "openai", "fault": "slow_first_token", "model": "m"},
        {"at": "0s", "on": "openai", "fault": "overloaded"},
    )
    plan = timeline.plan("openai", "POST", "/v1/x?key=secret", headers={}, body=b"\xff", received_ns=T0)
    record = plan.record
    assert (None, None, None, None) == (record.call, record.model, record.stream, record.credential)
    assert "/v1/x" == record.path
    assert ["1:overloaded"] == record.fault_ids


def test_a_mark_of_another_run_is_background(timeline_of, attempt):
    """Only this run's marks name a call: two runs side by side don't mix."""
    assert attempt(timeline_of(), call=12).record.call == 12
    assert attempt(timeline_of(run="000000"), call=12).record.call is None


def _bitten(timeline, attempt, calls, attempts=1):
    return {
        (call, number) for call in calls for number in range(attempts) if not attempt(timeline, call=call).untouched
    }


def test_share_depends_on_the_seed_and_not_on_the_order(timeline_of, attempt):
    """The same seed bites the same attempts of the same calls, however they interleave; another seed bites others."""
    entry = {"at": "0s", "on": "openai", "fault": "overloaded", "share": "30%"}
    calls = list(range(400))
    first = _bitten(timeline_of(entry), attempt, calls, attempts=2)
    random.Random(3).shuffle(calls)
    assert first == _bitten(timeline_of(entry), attempt, calls, attempts=2)
    assert first != _bitten(timeline_of(entry, seed=2), attempt, calls, attempts=2)
    assert 0.24 < len(first) / 800 < 0.36
    firsts, seconds = ({call for call, number in first if number == each} for each in (0, 1))
    assert firsts != seconds


def test_shares_of_two_providers_are_independent(timeline_of, attempt):
    """A call that is bitten at one provider is not thereby bitten at the next."""
    timeline = timeline_of({"at": "0s", "on": ["openai", "anthropic"], "fault": "overloaded", "share": "50%"})
    both = [[not attempt(timeline, call=call, provider=name).untouched for name in PROVIDERS] for call in range(400)]
    assert 60 < sum(a and b for a, b in both) < 140


PROVIDERS = ("openai", "anthropic")


def test_all_matched_but_only_the_share_bites(timeline_of, attempt):
    """`matched` counts what the selectors meant, `bites` what the share chose; at 0 % nothing bites, at 100 % all."""
    entry = {"at": "0s", "on": "openai", "fault": "overloaded"}
    for share, low, high in (("0%", 0, 0), ("50%", 30, 70), ("100%", 100, 100)):
        timeline = timeline_of({**entry, "share": share})
        _bitten(timeline, attempt, range(100))
        (row,) = timeline.rows(T0)
        assert row["matched"] == 100
        assert low <= row["bites"] <= high


def test_attempts_are_numbered_for_each_call_and_provider(timeline_of, attempt):
    """Attempt ids never repeat, and start with the run's name."""
    timeline = timeline_of()
    ids = [attempt(timeline, call=call).record.attempt for call in (1, 1, 2)]
    assert ["7f3a9c-1", "7f3a9c-2", "7f3a9c-3"] == ids


def test_compound_faults(timeline_of, attempt):
    """The first answer or hang in file order wins, delays add up, and every entry that acted is named."""
    timeline = timeline_of(
        {"at": "0s", "on": "openai", "fault": "slow_first_token", "with": {"delay": "1s"}},
        {"at": "0s", "on": "openai", "fault": "overloaded"},
        {"at": "0s", "on": "openai", "fault": "hang"},
        {"at": "0s", "on": "openai", "fault": "slow_first_token", "with": {"delay": "500ms"}},
    )
    plan = attempt(timeline)
    assert isinstance(plan.action, Respond)
    assert plan.action.delay_s == 1.5
    assert ["0:slow_first_token", "1:overloaded", "3:slow_first_token"] == plan.record.fault_ids
    assert "0:slow_first_token+1:overloaded+3:slow_first_token" == plan.record.row(T0, "complete", None)["fault"]


def test_filters_chain_in_file_order(timeline_of, attempt):
    """A body passes every filter; a cut ends it for all of them."""
    timeline = timeline_of(
        {"at": "0s", "on": "openai", "fault": "field_renamed", "with": {"field": "a", "to": "b"}},
        {"at": "0s", "on": "openai", "fault": "field_renamed", "with": {"field": "b", "to": "c"}},
        {"at": "0s", "on": "openai", "fault": "stream_cut", "with": {"after": "2 events"}},
    )
    plan = attempt(timeline, stream=True)
    assert Forward() == plan.action
    status, headers, body = plan.respond_head(200, STREAM_HEAD)
    assert (200, [("content-type", "text/event-stream")]) == (status, headers)
    assert body.streamed
    assert [b'data: {"c":1}\n\n'] == body.feed(b'data: {"a":1}\n\ndata: {"a"')
    assert [b'data: {"c":2}\n\n', Cut()] == body.feed(b':2}\n\ndata: {"a":3}\n\n')
    assert [] == body.feed(b'data: {"a":4}\n\n')
    assert [] == body.close()
    assert body.cut
    assert ["0:field_renamed", "1:field_renamed", "2:stream_cut"] == plan.record.fault_ids


def test_an_unfinished_event_is_passed_on_at_the_end(timeline_of, attempt):
    """A stream that stops inside an event loses no byte to the filter."""
    timeline = timeline_of({"at": "0s", "on": "openai", "fault": "field_renamed", "with": {"field": "zzz"}})
    _, _, body = attempt(timeline, stream=True).respond_head(200, STREAM_HEAD)
    assert [] == body.feed(b"data: half")
    assert [b"data: half"] == body.close()


def test_a_change_that_changes_nothing_is_no_bite(timeline_of, attempt):
    """An entry has bitten only when the router could have noticed it."""
    timeline = timeline_of(
        {"at": "0s", "on": "openai", "fault": "noop"},
        {"at": "0s", "on": "openai", "fault": "field_renamed", "with": {"field": "zzz"}},
        {"at": "0s", "on": "openai", "fault": "content_type_changed", "with": {"to": "text/event-stream"}},
    )
    plan = attempt(timeline, stream=True)
    _, _, body = plan.respond_head(200, [("content-type", "text/event-stream")])
    body.feed(b'data: {"a":1}\n\n')
    assert [] == plan.record.fault_ids
    assert [(1, 0)] * 3 == [(row["matched"], row["bites"]) for row in timeline.rows(T0)]
    assert not timeline.news


def test_own_headers_are_stripped_from_every_response(timeline_of, attempt):
    """What the fakes tell the injector never reaches the router."""
    status, headers, body = attempt(timeline_of()).respond_head(
        200, [("x-banstorm-attempt", "1"), ("x-request-id", "2")]
    )
    assert (200, [("x-request-id", "2")], None) == (status, headers, body)


def test_rows_tell_when_a_window_bit(timeline_of, attempt):
    """The first and last bite are dated by when their attempts came in, even if a later attempt bit sooner."""
    timeline = timeline_of({"at": "1s", "until": "9s", "on": "openai", "fault": "field_renamed", "share": "100%"})
    early, late = attempt(timeline, call=1, at_ns=T0 + 2 * S), attempt(timeline, call=2, at_ns=T0 + 3 * S)
    for plan in (late, early):
        _, _, body = plan.respond_head(200, [("content-type", "application/json")])
        body.feed(b'{"content":1}')
        body.feed(b'{"content":1}')
    (row,) = timeline.rows(T0 + 5 * S)
    assert {
        "entry": "0:field_renamed",
        "fault": "field_renamed",
        "provider": "openai",
        "share": 1.0,
        "declared_from_ns": T0 + S,
        "declared_until_ns": T0 + 9 * S,
        "armed_ns": T0 + S,
        "disarmed_ns": T0 + 5 * S,
        "bites": 2,
        "matched": 2,
        "first_bite_ns": T0 + 2 * S,
        "last_bite_ns": T0 + 3 * S,
        "whole": None,
        "share_begin": None,
        "share_end": None,
        "share_of": "request",
        "period": None,
        "phase": "body",
    } == row


def test_news_come_in_order_and_once(timeline_of, attempt):
    """The harness hears of each edge and of each first bite once."""
    timeline = timeline_of({"at": "1s", "until": "2s", "on": ["openai", "anthropic"], "fault": "overloaded"})
    timeline.pass_edges(T0 + S - 1)
    assert not timeline.news
    attempt(timeline, call=1, at_ns=T0 + S)
    attempt(timeline, call=2, at_ns=T0 + S)
    timeline.pass_edges(T0 + 3 * S)
    told = [(each.event, each.provider) for each in timeline.news]
    assert [
        ("armed", "anthropic"),
        ("armed", "openai"),
        ("bite", "openai"),
        ("disarmed", "anthropic"),
        ("disarmed", "openai"),
    ] == told
    assert ["0:overloaded"] == timeline.active("openai", T0 + S)
    assert [] == timeline.active("openai", T0 + 2 * S)


def test_records_keep_evidence_of_what_went_wrong(timeline_of, attempt):
    """Bodies are kept for attempts that were bitten or got an error status, up to 16 KiB, and never for the rest."""
    good = attempt(timeline_of()).record
    good.head(200, 5)
    good.deliver(b"~a ~b")
    bad = attempt(timeline_of()).record
    bad.head(500, 5)
    bad.deliver(b"x" * 20_000)
    assert (2, b"") == (good.delivered_tokens, good.evidence)
    assert b"x" * 16_384 == bad.evidence


def test_records_carry_what_the_client_said_of_itself(timeline_of, attempt):
    """The SDK's own retry count is noted; junk in its place is not."""
    for said, noted in (("2", 2), ("0", 0), ("two", None), ("-1", None), ("9" * 12, None)):
        plan = attempt(timeline_of(), headers={"x-stainless-retry-count": said})
        assert noted == plan.record.client_retry
    assert attempt(timeline_of()).record.client_retry is None


def test_the_same_attempt_gets_the_same_bytes(timeline_of, attempt):
    """A failure's ids depend on the seed, the provider, the call and the attempt's number alone."""
    entry = {"at": "0s", "on": ["openai", "anthropic"], "fault": "overloaded"}
    one, other = timeline_of(entry), timeline_of(entry)
    attempt(other, call=5)
    assert attempt(one, call=9).action == attempt(other, call=9).action
    assert attempt(one, call=9).action != attempt(other, call=10).action


def test_each_attempt_is_decided_by_its_own_moment(timeline_of, attempt):
    """What is open is found anew for each moment, though attempts are decided in another order than they came in."""
    entries = [
        {"at": "1s", "until": "4s", "on": "openai", "fault": "noop"},
        {"at": "2s", "until": "3s", "on": "openai", "fault": "noop"},
        {"at": "0s", "until": "6s", "every": "2s", "duty": "50%", "on": "openai", "fault": "noop"},
        {"at": "2s", "until": "5s", "on": "openai", "fault": "noop", "model": "of-nobody"},
    ]
    moments = [T0 + half * S // 2 + by_ns for half in range(14) for by_ns in (-1, 0, 1)]
    alone = {at_ns: attempt(timeline_of(*entries), at_ns=at_ns).record.matched_ids for at_ns in moments}
    assert len(set(map(tuple, alone.values()))) == 4
    timeline = timeline_of(*entries, start=False)
    assert attempt(timeline, at_ns=moments[20]).record.matched_ids == []
    timeline.start(T0)
    for at_ns in [*moments, *reversed(moments), *moments[::5], *moments[::-7]]:
        assert alone[at_ns] == attempt(timeline, at_ns=at_ns).record.matched_ids
