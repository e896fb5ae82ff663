"""What a scenario says is the same after it was written as JSON and read again: every part of a run plays it so."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pytest
from banstorm.harness.registry import registry
from banstorm.scenarios import library
from banstorm.scenarios.document import parse
from banstorm.scenarios.expectation import Expectation, Unit, parse_expectation, render_expectations
from banstorm.scenarios.growth import GrowingShare
from banstorm.scenarios.model import Scenario
from banstorm.scenarios.problems import ScenarioError
from banstorm.scenarios.scale import Scale
from banstorm.scenarios.units import Duration, Factor, Rate, Share
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter


def plain(value: float) -> str:
    """A number's digits without an exponent."""
    return format(Decimal(repr(value)), "f")


WRITTEN: dict[Unit, Callable[[str], str]] = {
    Unit.NUMBER: "{}".format,
    Unit.SECONDS: "{}ms".format,
    Unit.SHARE: "{}%".format,
    Unit.FACTOR: "{}x".format,
    Unit.USD: "${}".format,
    Unit.PER_SECOND: "{}/s".format,
}


@given(
    unit=st.sampled_from(Unit),
    op=st.sampled_from(["", "== ", "<= ", ">= ", "< ", "> "]),
    value=st.floats(1e-9, 1e6) | st.integers(0, 10**6).map(float),
)
def test_a_limit_survives_being_written_and_read(unit: Unit, op: str, value: float):
    """Whatever its unit and its digits, the limit that is read back is the very same, and so is what pages show."""
    found = parse_expectation("m", op + WRITTEN[unit](plain(value)))
    assert unit is found.unit
    written = render_expectations([found])["m"]
    assert "e" not in written
    assert found == parse_expectation("m", written)
    shown = parse_expectation("m", found.wanted)
    assert (found.op, found.unit, pytest.approx(found.limit, rel=1e-13, abs=0)) == (shown.op, shown.unit, shown.limit)


SHOWN = [
    ("<= $0.00008", "<= $0.00008"),
    (">= 99.99995%", ">= 99.99995%"),
    (">= 99.9%", ">= 99.9%"),
    ("<= 1.0000001x", "<= 1.0000001x"),
    ("<= 0.00000001s", "<= 0.00001ms"),
    ("<= 250ms", "<= 250ms"),
    ("<= 1234567.5", "<= 1234567.5"),
    ("<= $1234567", "<= $1234567"),
    ("<= 8e-05s", "<= 0.08ms"),
]


@pytest.mark.parametrize(("written", "shown"), SHOWN)
def test_a_limit_is_shown_as_it_is(written: str, shown: str):
    """No digit is lost and no power of ten is shown, and no digit is added either."""
    assert shown == parse_expectation("m", written).wanted


def test_a_limit_that_was_added_up_is_shown_without_the_noise_of_floats():
    """A limit and a tolerance of 50 ms make 150 ms."""
    assert "<= 150ms" == Expectation(measure="m", op="<=", limit=0.1 + 0.05, unit=Unit.SECONDS).wanted


@pytest.mark.parametrize("written", ["<= $8e-05", "<= 8e-05", 8e-05, "<= 8e-05x", "<= 8e-05/s", "<= 8e-03%"])
def test_a_power_of_ten_is_a_number(written: object):
    """Folders of earlier versions hold such limits, and YAML's own small numbers look like this."""
    assert 8e-05 == parse_expectation("m", written).limit


@pytest.mark.parametrize("written", ["<= 1e999", "<= 1e9999", "<= 1e", "<= 1e5.5", "9" * 400, float("inf"), "<= $5%"])
def test_what_is_no_finite_number_is_no_limit(written: object):
    """A limit past all floats would be none."""
    with pytest.raises(ValueError, match="expected a"):
        parse_expectation("m", written)


def test_a_percentage_is_the_share_of_just_these_digits():
    """999 of 1,000 calls are 99.9 %: dividing 99.9 by a hundred gives a little more."""
    assert parse_expectation("m", ">= 99.9%").holds(999 / 1000)


QUANTITIES: dict[str, tuple[Any, Callable[[float], str], float, float]] = {
    "duration in us": (Duration, lambda value: f"{plain(value)}us", 1e-9, 1e6),
    "duration": (Duration, lambda value: f"{plain(value)}s", 1e-9, 6e5),
    "duration in h": (Duration, lambda value: f"{plain(value)}h", 1e-9, 168),
    "rate": (Rate, lambda value: f"{plain(value)}/s", 1e-9, 1e5),
    "rate by the hour": (Rate, lambda value: f"{plain(value)}/h", 1e-9, 1e6),
    "share": (Share, lambda value: f"{plain(value)}%", 1e-9, 100),
    "growing share": (GrowingShare, lambda value: f"{plain(value)}%", 1e-9, 100),
    "factor": (Factor, lambda value: f"{plain(value)}x", 1, 1000),
    "scale": (Scale, lambda value: f"{value:.6f}x", 1, 1e6),
}


@pytest.mark.parametrize("name", QUANTITIES)
@given(data=st.data())
def test_a_quantity_survives_being_written_and_read(name: str, data: st.DataObject):
    """Every duration, rate, share, factor and scale is the same number after a journey through JSON."""
    kind, write, least, most = QUANTITIES[name]
    adapter = TypeAdapter(kind)
    found = adapter.validate_python(write(data.draw(st.floats(least, most))))
    assert found == adapter.validate_json(adapter.dump_json(found))


@pytest.mark.parametrize("name", library.paths())
def test_a_scenario_survives_being_written_and_read(name: str):
    """What the fakes, the injector and the load generator are given is the scenario itself."""
    scenario = library.load(library.paths()[name], registry())
    dumped = orjson.dumps(scenario.model_dump(mode="json", by_alias=True))
    assert scenario == Scenario.model_validate(orjson.loads(dumped))


MISFITS = [".nan", ".inf", "-.inf", "1" * 30, "!!binary aGk=", '"\\ud800"', "!!timestamp 2026-01-01"]


@pytest.mark.parametrize("written", MISFITS)
@pytest.mark.parametrize("inside", ["{}", "[1, {}]", "{{deep: {}}}"])
def test_a_value_that_json_would_change_is_refused(written: str, inside: str):
    """NaN would become null on its way to the parts of a run, and a number past 64 bits would end it: both are told."""
    with pytest.raises(ScenarioError) as caught:
        parse(f"a: 1\nwith:\n  details: {inside.format(written)}\n", "file.yaml")
    problem = caught.value.problems[0]
    assert "finite number" in problem.what
    assert problem.where.startswith("file.yaml:3, with.details")
    assert 3 == len(str(problem).splitlines())


def test_a_key_that_json_can_t_write_is_refused():
    """Half a surrogate pair is no text."""
    with pytest.raises(ScenarioError, match="plain word"):
        parse('"\\ud800": 1', "file.yaml")
