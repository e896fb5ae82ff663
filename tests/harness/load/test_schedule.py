"""What is due when."""

from collections import Counter
from itertools import pairwise

import pytest
from banstorm.fakes.answer import Shape
from banstorm.harness.load import schedule as module
from banstorm.harness.load.schedule import NS, schedule
from banstorm.scenarios.model import Scenario


def scenario(seed=1, **load):
    """A scenario with this load."""
    return Scenario.model_validate(
        {
            "version": 1,
            "title": "t",
            "story": "s",
            "source": "x",
            "seed": seed,
            "providers": {"p": {"dialect": "openai", "model": "m"}},
            "load": {"rate": "100/s", "duration": "10s", "warmup": "2s"} | load,
            "expect": {"lost_calls": 0},
        }
    )


@pytest.mark.parametrize("arrivals", ["poisson", "constant"])
def test_the_first_measured_call_is_due_at_time_zero_and_each_phase_keeps_to_its_time(arrivals):
    """The first measured call is due at exactly 0; warm-up calls lie before it, measured ones before the load's end."""
    due = schedule(scenario(arrivals=arrivals))
    warmup = [each.offset_ns for each in due if each.phase == "warmup"]
    load = [each.offset_ns for each in due if each.phase == "load"]
    assert load[0] == 0
    assert warmup
    assert all(-2 * NS <= at < 0 for at in warmup)
    assert all(0 <= at < 10 * NS for at in load)


def test_calls_are_numbered_from_one_in_the_order_in_which_they_are_due():
    """Numbers follow time, warm-up first, without a gap."""
    due = schedule(scenario())
    assert [each.call for each in due] == list(range(1, len(due) + 1))
    assert [each.offset_ns for each in due] == sorted(each.offset_ns for each in due)


def test_constant_arrivals_are_evenly_spaced():
    """At a constant 100/s a measured call is due every 10 ms."""
    load = [each.offset_ns for each in schedule(scenario(arrivals="constant")) if each.phase == "load"]
    assert load == [index * NS // 100 for index in range(1000)]


def test_poisson_arrivals_have_the_rate_and_the_spread_of_a_poisson_process():
    """Gaps have the mean 1/rate and a standard deviation close to it (constant gaps would have none)."""
    load = [each.offset_ns for each in schedule(scenario(duration="60s")) if each.phase == "load"]
    gaps = [(b - a) / NS for a, b in pairwise(load)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(0.01, rel=0.1)
    assert spread == pytest.approx(0.01, rel=0.1)


def test_one_seed_gives_one_schedule_and_another_seed_another():
    """The schedule depends on the seed alone."""
    assert schedule(scenario(seed=5)) == schedule(scenario(seed=5))
    assert schedule(scenario(seed=5)) != schedule(scenario(seed=6))


def test_a_longer_warm_up_moves_no_choice_of_the_measured_calls():
    """Choices hang on the place in the phase, not on what was drawn before."""

    def measured(warmup):
        load = {"stream": "50%", "shapes": {"text": 1, "json": 1}, "warmup": warmup}
        due = schedule(scenario(**load))
        return [(d.offset_ns, d.shape, d.stream, d.caller) for d in due if d.phase == "load"]

    assert measured("0s") == measured("3s")


def test_choices_follow_their_weights():
    """Shapes, streams, clients and callers come about as often as the scenario asks, and never where it says never."""
    due = schedule(
        scenario(
            duration="50s",
            stream="25%",
            shapes={"text": 7, "json": 2, "tools": 1},
            clients={"http": 3, "openai_sdk": 1},
            callers=10,
        )
    )
    count = len(due)
    shapes = Counter(each.shape for each in due)
    assert shapes[Shape.TEXT] / count == pytest.approx(0.7, abs=0.03)
    assert shapes[Shape.JSON] / count == pytest.approx(0.2, abs=0.03)
    assert shapes[Shape.TOOL] / count == pytest.approx(0.1, abs=0.03)
    assert sum(each.stream for each in due) / count == pytest.approx(0.25, abs=0.03)
    assert sum(each.client == "openai_sdk" for each in due) / count == pytest.approx(0.25, abs=0.03)
    assert {each.caller for each in due} == set(range(10))
    assert not any(each.stream for each in schedule(scenario(stream="0%")))
    assert all(each.stream for each in schedule(scenario(stream="100%")))
    assert {each.shape for each in schedule(scenario(shapes={"text": 0, "tools": 1}))} == {Shape.TOOL}


def test_without_warm_up_the_first_call_is_call_one():
    """A scenario may have no warm-up."""
    assert schedule(scenario(warmup="0s"))[0].offset_ns == 0


def test_a_schedule_has_a_bound(monkeypatch):
    """Chance may make more calls due than rate times duration; never more than the bound."""
    monkeypatch.setattr(module, "CALLS_MAX", 50)
    assert len(schedule(scenario())) == 50


def test_a_rate_that_changes_is_followed(monkeypatch):
    """Each stretch has the calls that its rate makes of it, also on a ramp and in a burst."""
    monkeypatch.setattr(module, "CALLS_MAX", 100_000)
    rate = [{"at": "0s", "rate": "100/s"}, {"at": "10s", "rate": "300/s", "over": "10s"}, {"at": "30s", "rate": "50/s"}]
    bursts = [{"at": "35s", "for": "2s", "by": "10x"}]
    for arrivals, tolerance in (("constant", 1), ("poisson", 150)):
        load = {"rate": rate, "bursts": bursts, "duration": "40s", "arrivals": arrivals}
        due = [each.offset_ns / NS for each in schedule(scenario(**load)) if each.phase == "load"]
        assert due == sorted(due)
        for from_s, until_s, calls in ((0, 10, 1000), (10, 20, 2000), (20, 30, 3000), (30, 35, 250), (35, 37, 1000)):
            assert sum(from_s <= at < until_s for at in due) == pytest.approx(calls, abs=tolerance)


def test_arrivals_on_a_ramp_are_those_of_a_poisson_process():
    """On the clock that shows the calls due, the gaps have mean 1 and the spread of an exponential distribution."""
    load = {"rate": [{"at": "0s", "rate": "20/s"}, {"at": "0.5s", "rate": "200/s", "over": "20s"}], "duration": "20s"}
    found = scenario(**load)
    due = [each.offset_ns / NS for each in schedule(found) if each.phase == "load"]
    piece = found.load.profile.pieces[1]
    shown = [piece.before + piece.rate * (at - 0.5) + (at - 0.5) ** 2 * (200 - 20) / 20 / 2 for at in due if at > 0.5]
    gaps = [b - a for a, b in pairwise(shown)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(1, rel=0.1)
    assert (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 == pytest.approx(1, rel=0.1)


def test_the_warm_up_has_the_rate_of_the_beginning():
    """What the load ramps up to later does not come before it."""
    load = {"rate": [{"at": "0s", "rate": "50/s"}, {"at": "1s", "rate": "500/s"}], "arrivals": "constant"}
    due = schedule(scenario(**load, duration="2s"))
    assert 99 == sum(each.phase == "warmup" for each in due)


def test_callers_may_call_unevenly():
    """By Zipf's law the k-th caller makes a share of the calls proportional to 1/k^s."""
    load = {"callers": {"count": 1000, "zipf": 1.0}, "rate": "1000/s", "duration": "20s"}
    counts = Counter(each.caller for each in schedule(scenario(**load)))
    total = sum(1 / rank for rank in range(1, 1001))
    calls = sum(counts.values())
    for rank in (1, 2, 5, 10):
        assert counts[rank - 1] / calls == pytest.approx(1 / rank / total, rel=0.15)
    assert max(counts) <= 999


def test_forty_thousand_callers_all_have_their_chance():
    """With even callers each one is as likely as any other, however many there are."""
    due = schedule(scenario(callers=40_000, rate="4000/s", duration="30s", warmup="0s"))
    counts = Counter(each.caller for each in due)
    assert len(counts) > 0.9 * 40_000
    assert max(counts.values()) < 20
    assert set(counts) <= set(range(40_000))


def test_the_callers_of_calls_are_those_of_the_schedule():
    """Whoever knows the scenario knows who makes which call."""
    found = scenario(callers={"count": 50, "zipf": 0.5})
    assert [each.caller for each in schedule(found)] == list(module.callers(found))


def test_lengths_are_drawn_from_their_distribution():
    """Half of the answers are shorter than the median, one in twenty longer than p95, none longer than the highest."""
    load = {
        "answer": {"p50": "20 tokens", "p95": "100 tokens"},
        "prompt": {"p10": "50 tokens", "p50": "300 tokens", "p90": "900 tokens"},
        "rate": "1000/s",
    }
    due = schedule(scenario(**load))
    answers, prompts = [each.tokens for each in due], [each.prompt for each in due]
    assert sum(each <= 20 for each in answers) / len(due) == pytest.approx(0.5, abs=0.03)
    assert 100 == max(answers)
    assert sum(each == 100 for each in answers) / len(due) == pytest.approx(0.05, abs=0.015)
    assert sum(each <= 300 for each in prompts) / len(due) == pytest.approx(0.5, abs=0.03)
    assert min(answers + prompts) >= 1
    assert {None} == {each.prompt for each in schedule(scenario())}
    assert {800} == {each.prompt for each in schedule(scenario(prompt="800 tokens"))}
