"""How many calls may be in flight."""

import resource

import pytest
from banstorm.harness.load.bounds import DESCRIPTORS_SPARE, IN_FLIGHT_MAX, in_flight_bound, raise_descriptors


@pytest.mark.parametrize(("rate", "give_up_s"), [(1, 1), (60, 10), (600, 10), (0.5, 2)])
def test_the_bound_holds_every_call_of_a_router_that_never_answers(rate, give_up_s):
    """Rate times give-up, and enough more that chance does not reach it; never Locust's ten by accident."""
    assert in_flight_bound(rate, give_up_s) > rate * give_up_s + 5 * (rate * give_up_s) ** 0.5 + 10


def test_the_bound_is_bounded():
    """Whatever rate and give-up ask for."""
    assert in_flight_bound(100_000, 1000) == IN_FLIGHT_MAX


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "set_to", "allowed"),
    [
        (1024, 4096, 500, None, 500),
        (1024, 4096, 2000, 2000 + DESCRIPTORS_SPARE, 2000),
        (1024, 4096, 9000, 4096, 4096 - DESCRIPTORS_SPARE),
        (1024, resource.RLIM_INFINITY, 9000, 9000 + DESCRIPTORS_SPARE, 9000),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 9000, None, 9000),
    ],
)
def test_descriptors_are_raised_as_far_as_needed_and_allowed(monkeypatch, soft, hard, wanted, set_to, allowed):
    """The soft limit follows what is wanted, up to the hard one; beyond it fewer calls fly."""
    raised = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits[0]))
    assert raise_descriptors(wanted) == allowed
    assert raised == ([] if set_to is None else [set_to])
