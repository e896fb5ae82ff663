"""Speed and price as a scenario says them: read with their units, written back, and mistakes told by what to write."""

from __future__ import annotations

import jsonschema
import pytest
from banstorm.scenarios.document import parse
from banstorm.scenarios.library import check_document
from banstorm.scenarios.model import Scenario
from banstorm.scenarios.problems import ScenarioError
from banstorm.scenarios.speed import Slowdown, format_speed, parse_token_rate, parse_ttft
from banstorm.scenarios.units import parse_factor

TEXT = """\
version: 1
title: A test
story: Something happens.
source: nowhere
seed: 7
providers:
  first:
    dialect: alpha
    model: a-1
    ttft: {p95: 1.2s, p50: 300ms}
    tokens_per_second: {p5: 30, p50: 80}
    distance: 80ms
    slowdown: {at: 20, to: 3x}
    models:
      a-2: {ttft: 120ms, jitter: 0%}
prices:
  a-1: {input: 2, output: 10, cached: 0.2}
load: {rate: 10/s, duration: 10s}
expect:
  lost_calls: 0
"""


def test_quantiles_load_distance_and_models(registry):
    """Every figure has its base unit, and quantiles stand in rising order however they were written."""
    provider = check_document(parse(TEXT, "file.yaml"), registry).providers["first"]
    assert {"p50": 0.3, "p95": 1.2} == provider.ttft
    assert ["p50", "p95"] == list(provider.ttft)
    assert {"p5": 30.0, "p50": 80.0} == provider.tokens_per_second
    assert (0.08, Slowdown(at=20, to="3x")) == (provider.distance, provider.slowdown)
    other = provider.models["a-2"]
    assert (0.12, None, 0.0) == (other.ttft, other.tokens_per_second, other.jitter)


def test_prices(registry):
    """A model's price is stated in US dollars per million tokens; what is left out is left to the table."""
    price = check_document(parse(TEXT, "file.yaml"), registry).prices["a-1"]
    assert {"input": 2.0, "output": 10.0, "cached": 0.2} == price.model_dump(exclude_none=True)


def test_it_survives_being_written_and_read(registry):
    """Children get the scenario as JSON: it must come back equal, and what they write once more is the same."""
    scenario = check_document(parse(TEXT, "file.yaml"), registry)
    written = scenario.model_dump(mode="json", by_alias=True)
    assert scenario == Scenario.model_validate(written)
    assert written == Scenario.model_validate(written).model_dump(mode="json", by_alias=True)


def test_the_schema_allows_what_the_language_does(registry):
    """An editor that checks by the JSON Schema finds the same text right, and a lone quantile wrong."""
    schema = Scenario.model_json_schema(by_alias=True)
    schema["properties"]["expect"] = {}  # the harness fills in the measures
    data = parse(TEXT, "file.yaml").data
    jsonschema.validate(data, schema)
    data["providers"]["first"]["ttft"] = {"p50": "300ms"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)


TTFT = "{p95: 1.2s, p50: 300ms}"
RATES = "{p5: 30, p50: 80}"
MISTAKES = {
    # what is written instead: (old, new, line, words of the message)
    "a figure without its unit": (TTFT, "0.3", 10, "expected a duration with its unit"),
    "a quantile without its unit": (TTFT, "{p50: 0.3, p95: 1.2s}", 10, "expected a duration with its unit"),
    "one quantile": (TTFT, "{p50: 300ms}", 10, "two quantiles or more, such as {p50: 300ms, p95: 1.2s}"),
    "no quantile": (TTFT, "{}", 10, "two quantiles or more"),
    "a name that is none": (TTFT, "{p50: 300ms, max: 2s}", 10, "from p0.1 to p99.9, such as {p50: 300ms, p95: 1.2s}"),
    "a level out of range": (TTFT, "{p50: 300ms, p100: 2s}", 10, "found 'p100'"),
    "a level too high": (TTFT, "{p50: 300ms, p99.99: 2s}", 10, "found 'p99.99'"),
    "a level twice": (TTFT, "{p50: 300ms, p50.0: 2s}", 10, "are the same"),
    "falling quantiles": (TTFT, "{p50: 2s, p95: 1s}", 10, "p95 is less than p50"),
    "a quantile of nothing": (TTFT, "{p50: 0s, p95: 1s}", 10, "1us or more"),
    "a list": (TTFT, "[1s, 2s]", 10, "expected a duration"),
    "no speed": (RATES, "0", 11, "tokens per second above 0"),
    "a word for a speed": (RATES, "fast", 11, "tokens per second above 0"),
    "a speed too high": (RATES, "{p50: 80, p95: 100001}", 11, "at most 100,000"),
    "no number": (RATES, ".nan", 11, "finite number"),
    "true": (RATES, "true", 11, "tokens per second above 0"),
    "a distance without its unit": ("80ms", "80", 12, "expected a duration with its unit"),
    "a factor without its x": ("3x", "3", 13, "a factor from 1x to 1000x"),
    "a speed-up": ("3x", "0.5x", 13, "a factor from 1x to 1000x"),
    "no request in flight": ("at: 20", "at: 0", 13, "greater than or equal to 1"),
    "half a slowdown": ("{at: 20, to: 3x}", "{at: 20}", 13, "the key 'to' is missing"),
    "an unknown key of a slowdown": ("{at: 20, to: 3x}", "{at: 20, too: 3x}", 13, "unknown key 'too'"),
    "an unknown key of a model": ("jitter: 0%", "jiter: 0%", 15, "unknown key 'jiter'"),
    "a price without output": ("output: 10, ", "", 17, "the key 'output' is missing"),
    "an unknown price": ("cached: 0.2", "chached: 0.2", 17, "unknown key 'chached'"),
    "a price below nothing": ("input: 2", "input: -2", 17, "greater than or equal to 0"),
    "a price without end": ("input: 2", "input: .inf", 17, "finite number"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_line_and_example(case, registry):
    """Each mistake names the line that it stands on, what was found, and what to write."""
    old, new, line, what = MISTAKES[case]
    assert old in TEXT
    with pytest.raises(ScenarioError) as caught:
        check_document(parse(TEXT.replace(old, new, 1), "file.yaml"), registry)
    problem = caught.value.problems[0]
    assert what in problem.what
    assert f"file.yaml:{line}" in problem.where


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (("120ms", 80, 0.0, None), "first token after 120ms, 80 tokens/s"),
        (("120ms", 80, 0.08, None), "first token after 120ms, 80 tokens/s, 80ms away"),
        (
            ({"p50": "300ms", "p95": "1.2s"}, {"p5": 30, "p50": 80}, 0.0, Slowdown(at=20, to="3x")),
            "first token after p50 300ms p95 1.2s, p5 30 p50 80 tokens/s, slower from 20 in flight on, up to 3x",
        ),
    ],
)
def test_a_speed_is_told_to_people(written, told):
    """`banstorm show` says it in a line."""
    ttft, rate, distance, slowdown = written
    assert told == format_speed(parse_ttft(ttft), parse_token_rate(rate), distance, slowdown)


@pytest.mark.parametrize(("text", "value"), [("3x", 3.0), ("1.5 x", 1.5), ("1x", 1.0), ("1000x", 1000.0)])
def test_a_factor_is_read(text, value):
    """How many times, with an x."""
    assert value == parse_factor(text)


@pytest.mark.parametrize("text", ["", "3", 3, None, "0.9x", "1001x", "-2x", "x", True])
def test_a_factor_that_is_none_is_refused(text):
    """No bare number, nothing under one time, nothing past the bound."""
    with pytest.raises(ValueError, match="expected a factor"):
        parse_factor(text)
