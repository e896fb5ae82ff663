"""Any scenario, whatever is said in it, is the same after it was written as JSON and read again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
from banstorm.scenarios.model import Scenario
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError


def plain(value: float) -> str:
    """A number's digits without an exponent."""
    return format(Decimal(repr(value)), "f")


WRITTEN: tuple[Callable[[str], str], ...] = (
    "{}".format,
    "{}ms".format,
    "{}%".format,
    "{}x".format,
    "${}".format,
    "{}/s".format,
)


TIMES = st.floats(1e-6, 1e3).map(lambda seconds: f"{plain(seconds)}s") | st.integers(1, 10**6).map("{}us".format)
SHARES = st.floats(0, 100).map(lambda percent: f"{plain(percent)}%")
FACTORS = st.floats(1, 1000).map(lambda times: f"{plain(times)}x")
RATES = st.floats(1e-3, 5).map(lambda rate: f"{plain(rate)}/s") | st.integers(1, 300).map("{}/m".format)
TOKEN_RATES = st.floats(1e-3, 1e5) | st.integers(1, 10**5)
WORDS = st.text('ab é\U0001f600"\\\n', min_size=1, max_size=5)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(WORDS, each, max_size=3),
    max_leaves=5,
)


def quantiles(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A figure, or two quantiles that are equal: values that rise are drawn elsewhere."""
    return value | value.map(lambda each: {"p50": each, "p99.9": each})


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with any of these keys."""
    return st.fixed_dictionaries({}, optional=fields)


def both(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """One mapping of several."""
    return st.tuples(*parts).map(lambda each: {key: value for part in each for key, value in part.items()})


SPEED = {"ttft": quantiles(TIMES), "tokens_per_second": quantiles(TOKEN_RATES), "jitter": SHARES}
PROVIDER = some(
    **SPEED,
    distance=TIMES,
    slowdown=st.fixed_dictionaries({"at": st.integers(1, 100), "to": FACTORS}),
    models=st.dictionaries(WORDS, some(**SPEED), max_size=2),
    service=st.dictionaries(WORDS, ANYTHING, max_size=3),
    login=st.integers(2, 10**5).map(lambda seconds: {"expires": f"{seconds}s"}),
    hosts=st.just(["*.example.com", "localhost:8000"]),
).map(lambda given: {"dialect": "d", "model": "m", **given})
LOAD = both(
    st.fixed_dictionaries({"rate": RATES, "duration": TIMES})
    | st.fixed_dictionaries(
        {
            "rate": st.tuples(RATES, RATES, TIMES).map(
                lambda each: [{"at": "0s", "rate": each[0]}, {"at": "1s", "rate": each[1], "over": each[2]}]
            ),
            "duration": TIMES,
        }
    ),
    some(
        arrivals=st.sampled_from(["poisson", "constant"]),
        bursts=st.lists(st.fixed_dictionaries({"at": TIMES, "for": TIMES, "by": FACTORS}), max_size=2),
        callers=st.integers(1, 100) | st.fixed_dictionaries({"count": st.integers(1, 100), "zipf": st.floats(0, 5)}),
        warmup=TIMES,
        stream=SHARES,
        shapes=st.just({"text": 1, "json": 2, "tools": 3}),
        clients=st.just({"http": 1, "openai_sdk": 1}),
        answer=quantiles(st.integers(1, 4096).map("{} tokens".format)),
        prompt=quantiles(st.integers(1, 1000).map("{} tokens".format)),
        deadline=st.just("1.0000001s"),
        give_up=st.just("1001.0000001ms"),
        continuation=st.booleans(),
    ),
)
ENTRY = both(
    st.fixed_dictionaries({"at": TIMES, "on": st.just(["a", "b"])}),
    st.fixed_dictionaries({"fault": WORDS}) | st.fixed_dictionaries({"standing": WORDS}),
    st.fixed_dictionaries({"with": st.dictionaries(WORDS, ANYTHING, max_size=3)}),
    some(
        share=SHARES | st.fixed_dictionaries({"from": SHARES, "to": SHARES}),
        share_of=st.sampled_from(["request", "call", "credential", "caller"]),
        stagger=TIMES,
        together=st.booleans(),
        model=WORDS,
        stream=st.booleans(),
        credential=WORDS,
        path=WORDS,
        region=WORDS,
        header=st.dictionaries(st.sampled_from(["x-a", "X-B"]), WORDS, min_size=1),
        attempt=st.integers(1, 9) | st.lists(st.integers(1, 9), min_size=1, max_size=3),
    ),
    some(every=TIMES)
    | st.fixed_dictionaries({"every": TIMES, "duty": st.floats(1, 99).map(lambda part: f"{plain(part)}%")}),
    some(nth=st.integers(1, 9)) | some(first=st.integers(1, 9)),
)
LIMITS = st.tuples(st.sampled_from(["<= ", ">= ", ""]), st.sampled_from(WRITTEN), st.floats(1e-9, 1e6)).map(
    lambda each: each[0] + each[1](plain(each[2]))
)
PRICE = both(
    st.fixed_dictionaries({"input": st.floats(0, 1e6), "output": st.floats(0, 1e6)}),
    some(cached=st.floats(0, 1e6), cache_write=st.integers(0, 100), cache_write_1h=st.none()),
)
SCENARIOS = both(
    st.fixed_dictionaries(
        {
            "version": st.just(1),
            "title": WORDS,
            "story": WORDS,
            "source": WORDS,
            "seed": st.integers(0, 2**53 - 1),
            "providers": st.fixed_dictionaries({"b": PROVIDER, "a": PROVIDER}),
            "load": LOAD,
            "timeline": st.lists(ENTRY, max_size=3),
            "expect": st.dictionaries(WORDS, LIMITS | st.fixed_dictionaries({"p95": LIMITS}), min_size=1, max_size=3),
        }
    ),
    some(
        remedy=WORDS,
        tags=st.lists(WORDS, max_size=3),
        scaled=st.floats(1, 1e6).map("{:.6f}x".format),
        prices=st.dictionaries(WORDS, PRICE, max_size=2),
    ),
)


def journey(scenario: Scenario) -> Scenario:
    """The scenario as the parts of a run get it."""
    return Scenario.model_validate(orjson.loads(orjson.dumps(scenario.model_dump(mode="json", by_alias=True))))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(SCENARIOS)
def test_any_scenario_survives_being_written_and_read(data: dict[str, Any]):
    """Whatever is said in it, and with however many digits: also the order of its providers and limits."""
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError:
        reject()
    again = journey(scenario)
    assert scenario == again
    assert [*scenario.providers] == [*again.providers]
