"""A scenario file is read strictly, and a mistake in it is told with file, line, path and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from banstorm.scenarios.document import parse
from banstorm.scenarios.expectation import Expectation, Unit, parse_expectation, render_expectations
from banstorm.scenarios.library import check_document, find, load
from banstorm.scenarios.model import Scenario
from banstorm.scenarios.problems import ScenarioError
from banstorm.scenarios.units import (
    format_duration,
    parse_duration,
    parse_rate,
    parse_share,
    parse_token_limit,
    parse_tokens,
)
from hypothesis import given
from hypothesis import strategies as st

VALID = """\
version: 1
title: A test
story: Something happens.
source: nowhere
seed: 7
providers:
  first: {dialect: alpha, model: a-1}
  second: {dialect: beta, model: b-1}
load: {rate: 10/s, duration: 10s}
timeline:
  - {at: 1s, until: 3s, on: first, fault: banned}
expect:
  lost_calls: 0
"""


def _problems(text, registry):
    with pytest.raises(ScenarioError) as caught:
        check_document(parse(text, "file.yaml"), registry)
    return caught.value.problems


def test_a_valid_file_is_read_with_its_units(registry):
    """Durations become seconds, rates calls a second, `on` (a word in YAML 1.1, a key here) a list of providers."""
    scenario = check_document(parse(VALID, "file.yaml"), registry)
    assert (10.0, 10.0, 1.0) == (scenario.load.rate, scenario.load.duration, scenario.timeline[0].at)
    assert ["first"] == scenario.timeline[0].on
    assert [Expectation(measure="lost_calls", op="==", limit=0, unit=Unit.NUMBER)] == scenario.expect


def test_a_scenario_survives_being_written_and_read(registry):
    """Children get the scenario as JSON: it must come back equal."""
    scenario = check_document(parse(VALID, "file.yaml"), registry)
    assert scenario == Scenario.model_validate(scenario.model_dump(mode="json", by_alias=True))


MISTAKES = {
    # what is written instead: (old, new, line, words of the message, words of the advice)
    "unknown key": ("title:", "titel:", 2, "unknown key 'titel'", "'title'"),
    "missing key": ("seed: 7\n", "", 1, "'seed' is missing", "add seed"),
    "key twice": ("seed: 7", "seed: 7\nseed: 8", 6, "stands twice", "remove one"),
    "unknown nested key": ("rate: 10/s", "rate: 10/s, ratee: 3", 9, "unknown key 'ratee'", "'rate'"),
    "rate without unit": ("10/s", "10", 9, "a rate with its unit", "change"),
    "rate of zero": ("10/s", "0/s", 9, "above 0", "change"),
    "duration without unit": ("at: 1s", "at: 1", 11, "a duration with its unit", "change"),
    "unknown unit": ("duration: 10s", "duration: 10 days", 9, "a duration with its unit", "change"),
    "unknown dialect": ("alpha", "alfa", 7, "unknown dialect 'alfa'", "'alpha'"),
    "unknown provider": ("on: first", "on: frist", 11, "unknown provider 'frist'", "'first'"),
    "unknown fault": ("fault: banned", "fault: baned", 11, "unknown fault 'baned'", "'banned'"),
    "fault of another vendor": ("on: first", "on: second", 11, "beta has no failure 'banned'", "use one of"),
    "unknown parameter": (
        "fault: banned",
        "fault: limited, with: {retry_afte: 2s}",
        11,
        "no parameter",
        "'retry_after'",
    ),
    "bad parameter": (
        "fault: banned",
        "fault: limited, with: {retry_after: 2}",
        11,
        "a duration with its unit",
        "show",
    ),
    "a load of no length": ("duration: 10s", "duration: 0s", 9, "duration must be above 0", "change"),
    "a deadline of no length": (
        "duration: 10s",
        "duration: 10s, deadline: 0s",
        9,
        "deadline must be above 0",
        "change",
    ),
    "window without an end after the load's": (
        "at: 1s, until: 3s",
        "at: 10s",
        11,
        "the window is empty: it ends with the load, at 10s",
        "give until",
    ),
    "empty window": ("until: 3s", "until: 1s", 11, "an empty window", "change"),
    "unknown measure": ("lost_calls", "lost_cals", 13, "unknown measure 'lost_cals'", "'lost_calls'"),
    "wrong unit of a limit": ("lost_calls: 0", "lost_calls: <= 3s", 13, "counts in number or share", "that unit"),
    "a limit that is none": ("lost_calls: 0", "lost_calls: few", 12, "expected a limit", "change"),
    "statistic missing": ("lost_calls: 0", "switch_gap: <= 1s", 13, "name one of p50, p95", "switch_gap: {p50"),
    "statistic of one value": ("lost_calls: 0", "lost_calls: {p50: 0}", 13, "has no statistic", "write lost_calls"),
    "load too short": ("lost_calls: 0", "time_to_recover: <= 6s", 13, "too short to decide", "at least 11s"),
    "no expectation": ("expect:\n  lost_calls: 0", "expect: {}", 12, "at least 1", "change"),
    "no YAML": ("story: ", "story: [", 4, "no valid YAML", "mend"),
    "a list": (VALID, "- 1\n", 1, "expected a mapping, found list", "start from"),
    "nothing": (VALID, "", 1, "expected a mapping, found nothing", "start from"),
    "a word where a number belongs": ("seed: 7", "seed: seven", 5, "valid integer", "change"),
    "provider name": ("  first:", "  First.One:", 7, "should match pattern", "change"),
    "clash": (
        "fault: banned}",
        "fault: banned}\n  - {at: 2s, until: 4s, on: first, fault: limited}",
        12,
        "both act on the answer",
        "move or merge",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_line_and_advice(case, registry):
    """Each kind of mistake names the file, the line it stands on, what is wrong, and what to write."""
    old, new, line, what, advice = MISTAKES[case]
    assert old in VALID
    problem = _problems(VALID.replace(old, new, 1), registry)[0]
    assert what in problem.what
    assert f"file.yaml:{line}" in problem.where
    assert advice in problem.next
    assert 3 == len(str(problem).splitlines())


def test_windows_of_different_phases_are_a_compound_fault(registry):
    """A slow answer and a ban at once act on different things, so both may be on the timeline."""
    text = VALID.replace("fault: banned}", "fault: banned}\n  - {at: 2s, until: 4s, on: first, fault: slow}")
    assert 2 == len(check_document(parse(text, "file.yaml"), registry).timeline)


def test_a_window_after_the_load_is_accepted_without_a_time_limit(registry):
    """Such a run is not refused; it ends inconclusive, since its fault can't have bitten."""
    text = VALID.replace("at: 1s, until: 3s", "at: 20s, until: 30s")
    assert 20 == check_document(parse(text, "file.yaml"), registry).timeline[0].at


def test_several_mistakes_are_told_at_once(registry):
    """A person should not have to mend one mistake to be told of the next."""
    text = VALID.replace("alpha", "alfa").replace("lost_calls", "lost_cals").replace("on: first", "on: frist")
    assert 3 == len(_problems(text, registry))


def test_an_expanding_alias_is_refused(registry):
    """A few lines of aliases can't be blown up to gigabytes."""
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
    )
    assert "more than" in _problems(bomb, registry)[0].what


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: b\x00", b"x" * (1024 * 1024 + 1)])
def test_a_file_that_is_no_text_is_refused(content, tmp_path: Path, registry):
    """Binary junk and huge files end in a located message as well."""
    path = tmp_path / "junk.yaml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        load(path, registry)
    assert str(path) in caught.value.problems[0].where


def test_an_unreadable_or_absent_file_is_refused(tmp_path: Path):
    """A path that is none, and a name that is nearly one of the library, get an answer that helps."""
    with pytest.raises(ScenarioError, match="no such scenario file"):
        find(str(tmp_path / "absent.yaml"))
    with pytest.raises(ScenarioError, match="did you mean 'sudden_ban'"):
        find("suden_ban")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
        max_leaves=20,
    )
)
def test_no_document_ends_in_a_traceback(data):
    """Whatever YAML holds, it is either a scenario or told to be none."""
    from banstorm.scenarios.registry import Registry

    with pytest.raises(ScenarioError):
        check_document(parse(yaml.safe_dump(data, allow_unicode=True), "any.yaml"), Registry({}, {}, {}))


QUANTITIES = [
    (parse_duration, "250ms", 0.25),
    (parse_duration, "1.5 m", 90.0),
    (parse_duration, "40us", 0.00004),
    (parse_rate, "600/m", 10.0),
    (parse_share, "12.5%", 0.125),
    (parse_tokens, "24 tokens", 24),
    (parse_tokens, "1 token", 1),
    (parse_token_limit, "0 tokens", 0),
    (parse_token_limit, "200000 tokens", 200_000),
]


@pytest.mark.parametrize(("parse_one", "text", "value"), QUANTITIES)
def test_a_quantity_is_read_with_its_unit(parse_one, text, value):
    """Each quantity becomes its base unit."""
    assert value == pytest.approx(parse_one(text))


@pytest.mark.parametrize("parse_one", [parse_duration, parse_rate, parse_share, parse_tokens])
@pytest.mark.parametrize("text", ["", "5", 5, None, "-1s", "1e3s", "nan%", "101%", "0 tokens", "9999999h", True])
def test_a_quantity_without_its_unit_is_refused(parse_one, text):
    """No bare number, no negative, nothing past the bounds."""
    with pytest.raises(ValueError, match="expected a"):
        parse_one(text)


def test_a_limit_of_tokens_has_a_bound_and_a_unit():
    """A bare number and one past the bound are refused."""
    for text in ("5", 5, None, "-1 tokens", "100000001 tokens", "9999999999 tokens"):
        with pytest.raises(ValueError, match="expected a limit"):
            parse_token_limit(text)


@pytest.mark.parametrize("seconds", [0.0, 0.0005, 0.25, 1.0, 2.5, 90.0])
def test_a_duration_reads_back_as_it_was_written(seconds):
    """What a report shows can be put into a scenario."""
    assert seconds == pytest.approx(parse_duration(format_duration(seconds)))


LIMITS = [
    (0, "==", 0.0, Unit.NUMBER),
    ("<= 250ms", "<=", 0.25, Unit.SECONDS),
    ("<= 3x", "<=", 3.0, Unit.FACTOR),
    (">= 99.9%", ">=", 0.999, Unit.SHARE),
    ("< $0.5", "<", 0.5, Unit.USD),
    ("<= 2/s", "<=", 2.0, Unit.PER_SECOND),
    (1.2, "==", 1.2, Unit.NUMBER),
]


@pytest.mark.parametrize(("written", "op", "limit", "unit"), LIMITS)
def test_a_limit_is_read_and_written_back(written, op, limit, unit):
    """A limit keeps its comparison and unit, and its written form reads as the same limit."""
    found = parse_expectation("m", written)
    assert (op, pytest.approx(limit), unit) == (found.op, found.limit, found.unit)
    assert found == parse_expectation("m", render_expectations([found])["m"])


HOLDS = [
    ("<= 2", 2, True),
    ("<= 2", 2.1, False),
    ("< 2", 2, False),
    (">= 2", 2, True),
    ("> 2", 2, False),
    ("== 2", 2, True),
]


@pytest.mark.parametrize(("written", "found", "holds"), HOLDS)
def test_a_limit_holds_or_not(written, found, holds):
    """The comparison is the one that was written."""
    assert holds is parse_expectation("m", written).holds(found)
