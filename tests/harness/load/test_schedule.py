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
