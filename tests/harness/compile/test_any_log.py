"""Any log whatever compiles into a scenario that the language takes."""

from __future__ import annotations

import random

from banstorm.fakes import dialects
from banstorm.fakes.dialects._kinds import KINDS
from banstorm.harness.compile import emit
from banstorm.harness.compile.events import OWN_KINDS, Event, Log
from banstorm.harness.compile.scenario import Wish, decide
from banstorm.harness.plan import Wish as Run
from banstorm.harness.plan import _check_host
from banstorm.harness.registry import registry
from banstorm.scenarios.document import parse
from banstorm.scenarios.library import check_document
from hypothesis import given, settings
from hypothesis import strategies as st

EVERY_KIND = sorted(KINDS) + sorted(OWN_KINDS)


def _log(seed: int, calls: int, span_s: float, vendors: list[str], kinds: list[str]) -> Log:
    """Calls whose kind changes every now and then, by chance."""
    chooser = random.Random(seed)
    events = []
    moods = {vendor: [""] for vendor in vendors}
    for at_s in sorted(chooser.uniform(0, span_s) for _ in range(calls)):
        vendor = chooser.choice(vendors)
        if chooser.random() < 0.02:
            moods[vendor] = [chooser.choice(["", *kinds]) for _ in range(chooser.randint(1, 4))]
        kind = chooser.choice(moods[vendor])
        took_s = chooser.lognormvariate(0, 2)
        events.append(
            Event(
                at_s,
                vendor,
                vendor,
                kind if kind != "slow" else "",
                chooser.choice([200, None]) if not kind else chooser.choice([None, 400, 429, 500, 503, 522, 599]),
                first_s=chooser.choice([None, took_s / 2]),
                latency_s=took_s * (40 if kind == "slow" else 1),
                stream=chooser.choice([None, True, False]),
                retry_after_s=chooser.choice([None, 0.0, 1.5, 3600.0]),
            )
        )
    return Log(events, "a test")


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    calls=st.integers(2, 1500),
    span_s=st.floats(0.01, 10**6),
    vendors=st.lists(st.sampled_from(dialects.names()), min_size=1, max_size=3, unique=True),
    kinds=st.lists(st.sampled_from(EVERY_KIND), min_size=1, max_size=4, unique=True),
    wish=st.builds(
        Wish,
        compress=st.none(),
        fit_s=st.none() | st.floats(1, 100),
        rate_max=st.none() | st.floats(0.5, 200),
    ),
)
def test_any_log_becomes_a_scenario_that_plans(seed, calls, span_s, vendors, kinds, wish):
    """Whatever failed, wherever and for how long: the language takes it and mitmproxy can play it."""
    found = decide(_log(seed, calls, span_s, vendors, kinds), wish)
    scenario = check_document(parse(emit.text(found), "compiled"), registry())
    _check_host(scenario, Run("compiled"))
    assert len(found.windows) == len(scenario.timeline)
    assert all(0 < entry.share_max <= 1 for entry in scenario.timeline)
    assert scenario.load.rate <= (wish.rate_max or 60) * 1.01


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), factor=st.floats(1, 1000))
def test_any_compression_keeps_the_shape(seed, factor):
    """The log's part of the scenario is as much shorter as was asked for."""
    log = _log(seed, 500, 900, ["anthropic"], ["overloaded"])
    found = decide(log, Wish(compress=factor))
    check_document(parse(emit.text(found), "compiled"), registry())
    length_s = found.duration_s - found.lead_s - found.tail_s
    assert abs(length_s - log.span_s * (1 + 1 / 500) / factor) < 0.01 + found.duration_s / 500
