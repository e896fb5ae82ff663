"""What a scenario may say of rhythm, of whose draw it is, of events, and of an uneven load; mistakes are located."""

from __future__ import annotations

import pytest
from banstorm.scenarios.arrivals import Burst, Piece, Profile, Step, profile_of, scaled
from banstorm.scenarios.document import parse
from banstorm.scenarios.library import check_document
from banstorm.scenarios.model import Scenario
from banstorm.scenarios.problems import ScenarioError
from banstorm.scenarios.registry import EventRule, Registry
from banstorm.scenarios.sizes import format_size, typical
from banstorm.scenarios.spans import NS, Span

VALID = """\
version: 1
title: A test
story: Something happens.
source: nowhere
seed: 7
providers:
  first: {dialect: alpha, model: m}
  second: {dialect: alpha, model: m}
load: {rate: 10/s, duration: 10s}
timeline:
  - {at: 1s, until: 4s, on: [first, second], fault: banned}
expect:
  lost_calls: 0
"""
ENTRY = "  - {at: 1s, until: 4s, on: [first, second], fault: banned}"


@pytest.fixture
def rules(registry):
    """The handful of names, and two events."""
    known = {field: getattr(registry, field) for field in ("faults", "dialects", "measures")}
    crash = EventRule("router", lasts=True, shares=False, summary="Crash.")
    restart = EventRule("router", lasts=False, shares=False, summary="Restart.")
    leave = EventRule("callers", lasts=False, shares=True, summary="Leave.")
    return Registry(**known, events={"crash": crash, "restart": restart, "leave": leave})


def _with(rules, entry=ENTRY, load="load: {rate: 10/s, duration: 10s}"):
    text = VALID.replace(ENTRY, entry).replace("load: {rate: 10/s, duration: 10s}", load)
    return check_document(parse(text, "file.yaml"), rules)


def _told(rules, **parts):
    with pytest.raises(ScenarioError) as caught:
        _with(rules, **parts)
    return caught.value.problems[0]


GOOD_ENTRIES = [
    "{at: 1s, until: 4s, on: first, fault: banned, every: 1s}",
    "{at: 1s, until: 4s, on: first, fault: banned, every: 500ms, duty: 10%}",
    "{at: 1s, until: 4s, on: first, fault: banned, share: {from: 0%, to: 100%}}",
    "{at: 1s, until: 4s, on: first, fault: banned, share: 20%, share_of: credential}",
    "{at: 1s, until: 4s, on: [first, second], fault: banned, stagger: 1s, together: true, share: 50%}",
    "{at: 1s, until: 4s, on: first, fault: banned, header: {x-team: b*}, region: eu-west-1, nth: 3}",
    "{at: 1s, until: 4s, on: first, fault: banned, first: 10, attempt: [1, 2]}",
    "{at: 1s, until: 2s, event: crash}",
    "{at: 1s, event: restart}",
    "{at: 1s, event: leave, share: 25%}",
]


@pytest.mark.parametrize("entry", GOOD_ENTRIES)
def test_what_may_be_said_survives_being_written_down(entry, rules):
    """The harness hands its children the scenario as JSON: nothing of an entry gets lost on the way."""
    scenario = _with(rules, entry=f"  - {entry}")
    again = Scenario.model_validate(scenario.model_dump(mode="json", by_alias=True))
    assert scenario == again


BAD_ENTRIES = {
    "duty alone": ("{at: 1s, on: first, fault: banned, duty: 50%}", "duty needs every", "timeline[0]"),
    "no period": ("{at: 1s, on: first, fault: banned, every: 0s}", "every must be above 0", "timeline[0]"),
    "whole duty": ("{at: 1s, on: first, fault: banned, every: 1s, duty: 100%}", "duty must lie", "timeline[0]"),
    "one provider staggered": ("{at: 1s, on: first, fault: banned, stagger: 1s}", "stagger needs two", "timeline[0]"),
    "one provider together": ("{at: 1s, on: first, fault: banned, together: true}", "together needs two", "timeline"),
    "too late a provider": (
        "{at: 1s, until: 2s, on: [first, second], fault: banned, stagger: 1s}",
        "only when the window is over",
        "stagger",
    ),
    "too often": ("{at: 1s, on: first, fault: banned, every: 1ms}", "comes and goes 9,000 times", "every"),
    "half a growth": ("{at: 1s, on: first, fault: banned, share: {from: 10%}}", "both ends", "share"),
    "growth past all": ("{at: 1s, on: first, fault: banned, share: {from: 0%, to: 120%}}", "from 0% to 100%", "share"),
    "nth and first": ("{at: 1s, on: first, fault: banned, nth: 1, first: 2}", "either nth or first", "timeline[0]"),
    "nth zero": ("{at: 1s, on: first, fault: banned, nth: 0}", "greater than or equal to 1", "nth"),
    "a key as a header": (
        "{at: 1s, on: first, fault: banned, header: {X-Api-Key: k}}",
        "select by credential",
        "timeline[0]",
    ),
    "share of what": ("{at: 1s, on: first, fault: banned, share_of: day}", "'request', 'call'", "share_of"),
    "no provider": ("{at: 1s, fault: banned}", "the key 'on' is missing", "timeline[0]"),
    "event on a provider": ("{at: 1s, on: first, event: restart}", "an event has no on", "timeline[0]"),
    "event with parameters": ("{at: 1s, event: restart, with: {a: 1}}", "an event has no with", "timeline[0]"),
    "event and fault": ("{at: 1s, on: first, fault: banned, event: crash}", "either fault or event", "timeline[0]"),
    "unknown event": ("{at: 1s, event: restrat}", "unknown event 'restrat'", "event"),
    "event as a fault": ("{at: 1s, on: first, fault: crash}", "unknown fault 'crash'", "fault"),
    "event without its end": ("{at: 1s, event: crash}", "needs an end", "event"),
    "event with an end": ("{at: 1s, until: 2s, event: restart}", "has no end of its own", "until"),
    "event after the load": ("{at: 10s, event: restart}", "not over before the load", "at"),
    "event for a model": ("{at: 1s, event: restart, model: m}", "can't be limited by model", "model"),
    "event of a share": ("{at: 1s, event: restart, share: 10%}", "can't be limited by share", "share"),
    "event that grows": ("{at: 1s, event: leave, share: {from: 0%, to: 9%}}", "can't grow", "share"),
}


@pytest.mark.parametrize("case", BAD_ENTRIES)
def test_a_mistake_in_an_entry_is_located(case, rules):
    """Each says what is wrong, and where."""
    entry, what, where = BAD_ENTRIES[case]
    problem = _told(rules, entry=f"  - {entry}")
    assert what in problem.what
    assert problem.where.startswith("file.yaml:")
    assert where in problem.where


def test_a_name_of_another_kind_is_recognised(rules):
    """Who writes an event under fault is told to write it under event."""
    assert "it is an event" in _told(rules, entry="  - {at: 1s, on: first, fault: crash}").next


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ("on: first, fault: banned, every: 2s", "on: first, fault: limited, every: 2s", True),
        ("on: first, fault: banned, header: {a: b}", "on: first, fault: limited, header: {a: c}", False),
        ("on: first, fault: banned, header: {A: b}", "on: first, fault: limited, header: {a: b}", True),
        ("on: first, fault: banned, nth: 1", "on: first, fault: limited, nth: [1]", True),
        ("on: first, fault: banned, nth: 1", "on: first, fault: limited, nth: 2", False),
        ("on: first, fault: banned, region: a", "on: first, fault: limited", False),
    ],
)
def test_windows_clash_only_where_they_mean_the_same_requests(first, second, clash, rules):
    """Two answers to the same requests at the same time are a mistake; different selectors are not."""
    entries = "\n".join(f"  - {{at: 1s, until: 4s, {each}}}" for each in (first, second))
    if clash:
        assert "overlaps" in _told(rules, entry=entries).what
    else:
        _with(rules, entry=entries)


def test_entries_that_take_turns_do_not_overlap(rules):
    """Two flapping faults whose windows lie in each other's gaps never meet; half a period closer they do."""
    entries = (
        "  - {{at: 0s, until: 8s, on: first, fault: banned, every: 2s}}\n"
        "  - {{at: {}, until: 8s, on: first, fault: limited, every: 2s}}"
    )
    _with(rules, entry=entries.format("1s"))
    assert "overlaps" in _told(rules, entry=entries.format("500ms")).what


def test_events_on_the_router_come_one_after_the_other(rules):
    """A router that is dead can't be restarted; callers may leave whenever."""
    entries = "  - {{at: 1s, until: 3s, event: crash}}\n  - {{at: {}, event: {}}}"
    assert "begins before" in _told(rules, entry=entries.format("2s", "restart")).what
    _with(rules, entry=entries.format("4s", "restart"))
    _with(rules, entry=entries.format("2s", "leave"))


SPANS = [
    (Span(0, 10), Span(10, 20), False),
    (Span(0, 10), Span(9, 20), True),
    (Span(0, 100, 10, 5), Span(5, 100, 10, 5), False),
    (Span(0, 100, 10, 5), Span(4, 100, 10, 5), True),
    (Span(0, 100, 10, 5), Span(96, 100), False),
    (Span(0, 100, 10, 5), Span(94, 100), True),
    (Span(0, 100, 7, 1), Span(3, 100, 5, 1), True),
    (Span(5, 5), Span(0, 10), False),
]


@pytest.mark.parametrize(("one", "two", "overlap"), SPANS)
def test_spans_overlap_where_any_moment_is_in_both(one, two, overlap):
    """As found by looking at every moment."""
    assert overlap == one.overlaps(two) == two.overlaps(one)
    assert overlap == any(one.place(at) is not None and two.place(at) is not None for at in range(110))


def test_the_windows_of_a_span_are_the_moments_it_holds():
    """`place` and `windows` say the same."""
    span = Span(3, 50, 10, 4)
    for place, (from_ns, until_ns) in enumerate(span.windows()):
        assert {place} == {span.place(at) for at in range(from_ns, until_ns)}
    assert {None} == {span.place(at) for at in (2, 7, 12, 50, 99)}
    assert span.count == len(list(span.windows())) == 5


def test_a_staggered_entry_spans_less_at_later_providers(rules):
    """Each further provider of `on` is reached later; all end together."""
    scenario = _with(rules, entry="  - {at: 1s, until: 4s, on: [first, second], fault: banned, stagger: 500ms}")
    (entry,) = scenario.timeline
    spans = [scenario.span(entry, name) for name in entry.on]
    assert [(1.0, 4.0), (1.5, 4.0)] == [(each.from_ns / NS, each.until_ns / NS) for each in spans]


GOOD_LOADS = [
    "{rate: [{at: 0s, rate: 10/s}, {at: 2s, rate: 50/s}], duration: 5s}",
    "{rate: [{at: 0s, rate: 10/s}, {at: 2s, rate: 50/s, over: 1s}], duration: 5s}",
    "{rate: 10/s, bursts: [{at: 1s, for: 200ms, by: 5x, every: 1s}], duration: 5s}",
    "{rate: 10/s, callers: 40000, duration: 5s}",
    "{rate: 10/s, callers: {count: 40000, zipf: 1.1}, duration: 5s}",
    "{rate: 10/s, answer: {p50: 24 tokens, p95: 200 tokens}, prompt: 800 tokens, duration: 5s}",
    "{rate: 10/s, prompt: {p50: 300 tokens, p99: 9000 tokens}, duration: 5s}",
]


@pytest.mark.parametrize("load", GOOD_LOADS)
def test_a_load_survives_being_written_down(load, rules):
    """As entries do."""
    scenario = _with(rules, entry="  []", load=f"load: {load}")
    assert scenario == Scenario.model_validate(scenario.model_dump(mode="json", by_alias=True))


BAD_LOADS = {
    "steps without a first": ("rate: [{at: 1s, rate: 10/s}]", "must say the rate at 0s", "load.rate"),
    "steps backwards": ("rate: [{at: 0s, rate: 1/s}, {at: 2s, rate: 2/s}, {at: 1s, rate: 3/s}]", "step 3", "load.rate"),
    "steps on top": (
        "rate: [{at: 0s, rate: 1/s}, {at: 2s, rate: 2/s, over: 2s}, {at: 3s, rate: 3/s}]",
        "begins before step 2 is over",
        "load.rate",
    ),
    "a step of junk": ("rate: [{at: 0s, rate: 1/s, by: 3}]", "expected step 1 to have", "load.rate"),
    "a step without a unit": ("rate: [{at: 0s, rate: 10}]", "step 1: expected a rate", "load.rate"),
    "no steps": ("rate: []", "or steps such as", "load.rate"),
    "burst of nothing": ("rate: 1/s, bursts: [{at: 1s, for: 0s, by: 2x}]", "a burst must last", "load"),
    "burst after burst": ("rate: 1/s, bursts: [{at: 1s, for: 2s, by: 2x, every: 1s}]", "before it comes again", "load"),
    "burst too late": ("rate: 1/s, bursts: [{at: 20s, for: 1s, by: 2x}]", "when the load is over", "load"),
    "burst too often": ("rate: 1/s, bursts: [{at: 0s, for: 1us, by: 2x, every: 10us}]", "at most 1000 bursts", "load"),
    "burst too high": ("rate: 50000/s, bursts: [{at: 1s, for: 1us, by: 3x}]", "the most is 100,000/s", "load"),
    "too many calls": ("rate: [{at: 0s, rate: 90000/s}, {at: 1s, rate: 99999/s}]", "the most is 2,000,000", "load"),
    "no callers": ("rate: 1/s, callers: 0", "greater than or equal to 1", "load.callers"),
    "half a caller": ("rate: 1/s, callers: 1.5", "Callers", "load.callers"),
    "uneven beyond reason": ("rate: 1/s, callers: {count: 5, zipf: 9}", "less than or equal to 5", "zipf"),
    "one quantile": ("rate: 1/s, answer: {p50: 24 tokens}", "two quantiles or more", "load.answer"),
    "falling quantiles": ("rate: 1/s, answer: {p50: 24 tokens, p95: 3 tokens}", "values that rise", "load.answer"),
    "too long an answer": ("rate: 1/s, answer: 5000 tokens", "from 1 to 4096", "load.answer"),
    "too long a prompt": ("rate: 1/s, prompt: 200000 tokens", "from 1 to 100000", "load.prompt"),
}


@pytest.mark.parametrize("case", BAD_LOADS)
def test_a_mistake_in_a_load_is_located(case, rules):
    """Each says what is wrong, and where."""
    load, what, where = BAD_LOADS[case]
    length = "30s" if case == "too many calls" else "10s"
    problem = _told(rules, load=f"load: {{{load}, duration: {length}}}")
    assert what in problem.what
    assert where in problem.where


def test_the_rate_is_what_steps_ramps_and_bursts_make_of_it():
    """Calls due until a moment are the area under the rate, and the inverse gives the moment back."""
    rates = (Step(0, 10), Step(2, 30, 1), Step(4, 5))
    profile = profile_of(rates, [Burst.model_validate({"at": "5s", "for": "1s", "by": "4x"})], 8)
    assert [(0, 2, 10, 10), (2, 3, 10, 30), (3, 4, 30, 30), (4, 5, 5, 5), (5, 6, 20, 20), (6, 8, 5, 5)] == [
        (each.from_s, each.until_s, each.rate, each.last) for each in profile.pieces
    ]
    assert 20 + 20 + 30 + 5 + 20 + 10 == profile.calls
    assert (30, 10, 105 / 8) == (profile.peak, profile.first, profile.mean)
    for calls, at_s in ((0, 0), (10, 1), (20, 2), (40, 3), (70, 4), (85, 5.5), (105, 8)):
        assert profile.when(calls) == pytest.approx(at_s)
    # on the ramp: 10·d + 10·d² calls after d seconds
    assert profile.when(20 + 10 * 0.5 + 10 * 0.25) == pytest.approx(2.5)


def test_a_burst_raises_a_ramp_too():
    """Inside a burst the ramp is steeper, outside it is what it was."""
    bursts = [Burst.model_validate({"at": "1s", "for": "1s", "by": "2x", "every": "2s"})]
    profile = profile_of((Step(0, 10), Step(0.5, 50, 4)), bursts, 4)
    assert [profile.when(0), 4] == pytest.approx([0, profile.pieces[-1].until_s])
    steep = [(each.from_s, each.rate, each.last) for each in profile.pieces if each.from_s in {1, 2, 3}]
    assert steep == [(1, 30, 50), (2, 25, 35), (3, 70, 90)]


def test_a_rate_may_fall_to_a_small_one():
    """A falling ramp's inverse stays inside its piece."""
    piece = Piece(0, 10, 100, 1)
    assert piece.when(piece.calls) == pytest.approx(10)
    assert 0 < piece.when(1) < 0.011


def test_scaling_keeps_the_shape():
    """`--rate` makes a load as a whole smaller or larger."""
    assert (Step(0, 5), Step(2, 15, 1)) == scaled((Step(0, 10), Step(2, 30, 1)), 0.5)
    assert 30.0 == scaled(60.0, 0.5)


def test_a_rate_is_told_in_a_line():
    """A constant one as it is, any other by its mean and its peak."""
    assert "60 calls/s" == profile_of(60.0, [], 5).told
    assert "20 calls/s on average, at most 30" == profile_of((Step(0, 10), Step(5, 30)), [], 10).told
    assert isinstance(profile_of(60.0, [], 5), Profile)


def test_one_length_stands_for_a_distribution_and_a_line_tells_it():
    """The median, or the next quantile above it."""
    assert 24 == typical(24) == typical({"p10": 3, "p50": 24, "p99": 90})
    assert 90 == typical({"p10": 3, "p99": 90})
    assert ("24 tokens", "p50 24 p95 90 tokens") == (format_size(24), format_size({"p50": 24, "p95": 90}))
