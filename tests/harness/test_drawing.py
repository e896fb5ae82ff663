"""A timeline is drawn so that what happens when, where and to how many requests can be seen in 80 columns."""

from __future__ import annotations

import io
from typing import Any

import pytest
from banstorm.harness.drawing import ASCII, UNICODE, WIDTH_MIN, Style, draw, style_of
from banstorm.harness.registry import registry
from banstorm.harness.scenario_told import explain_scenario
from banstorm.scenarios import library
from banstorm.scenarios.model import Scenario

LIBRARY = library.paths()


def _scenario(*timeline: dict[str, Any], providers: tuple[str, ...] = ("a", "b"), **load: Any) -> Scenario:
    vendor = {"dialect": "openai", "model": "m"}
    return Scenario.model_validate(
        {
            "version": 1,
            "title": "t",
            "story": "s",
            "source": "x",
            "seed": 1,
            "providers": dict.fromkeys(providers, vendor),
            "load": {"rate": "10/s", "duration": "10s"} | load,
            "timeline": list(timeline),
            "expect": {"lost_calls": 0},
        }
    )


def _entry(**words: Any) -> dict[str, Any]:
    return {"at": "2s", "until": "8s", "on": "a", "fault": "overloaded"} | words


def _bars(scenario: Scenario, provider: str = "a", style: Style | None = None) -> str:
    """The line of a provider."""
    lines = draw(scenario, style or Style())
    return next(line for line in lines if line.split()[0] == provider)


def test_a_bar_stands_where_its_window_is():
    """Ten seconds in fifty columns: a window from 2 s to 8 s is thirty columns, ten from the left."""
    lines = draw(_scenario(_entry()), Style(width=63))
    margin = lines[1].index("+")
    columns = len(lines[1]) - margin
    bar = next(line for line in lines if line.startswith("  a "))[margin:]
    assert 50 == columns
    assert 10 == bar.index("#")
    assert 39 == bar.rindex("#")
    assert " overloaded " in bar
    assert set("b. ") == set(next(line for line in lines if line.startswith("  b ")))


SIGNS = [
    ("all requests", _entry(), "#", "=_~*"),
    ("a share", _entry(share="30%"), "=", "#"),
    ("a selector", _entry(stream=True), "=", "#"),
    ("a share that grows", _entry(share={"from": "0%", "to": "100%"}), "_.-~=+*#", ""),
]


@pytest.mark.parametrize(("what", "entry", "has", "lacks"), SIGNS, ids=[each[0] for each in SIGNS])
def test_a_sign_tells_how_many_requests_it_concerns(what, entry, has, lacks):
    """All of them, some of them, or a share that changes; the legend says which sign is which."""
    scenario = _scenario(entry)
    drawn = _bars(scenario).replace("overloaded", "")
    assert all(sign in drawn for sign in has)
    assert not any(sign in drawn for sign in lacks)
    assert (what != "all requests") == draw(scenario, Style())[-1].startswith("  (")


def test_a_fault_that_comes_and_goes_has_gaps():
    """Three periods of which the first half is on are three bars."""
    drawn = _bars(_scenario(_entry(every="2s", duty="50%")))
    assert 3 == len([part for part in drawn.split("overloaded")[0].split(".") if "#" in part])


def test_windows_that_overlap_stand_on_lines_of_their_own():
    """Each entry's name can be read, whatever else happens at that provider."""
    timeline = (_entry(), _entry(fault="slow_first_token"), _entry(fault="stream_cut", at="3s"))
    told = draw(_scenario(*timeline), Style())
    begin = next(n for n, line in enumerate(told) if line.startswith("  a "))
    for line, name in zip(told[begin : begin + 3], ("overloaded", "slow_first_token", "stream_cut"), strict=True):
        assert name in line


def test_a_standing_that_spreads_reaches_the_second_key_later():
    """The picture shows when a provider is really reached, not when the entry begins."""
    keys = _entry(fault=None, standing="org_disabled", on=["a", "b"], **{"with": {"spread": "3s"}})
    del keys["fault"]
    scenario = _scenario(keys)
    assert _bars(scenario, "b").index("#") - _bars(scenario, "a").index("#") == pytest.approx(21, abs=1)


def test_an_event_has_a_row_of_its_own():
    """What happens to the router or to its callers is no provider's; what lasts is a bar, what does not a moment."""
    frozen = {"at": "2s", "until": "4s", "event": "pause_router"}
    leaving = {"at": "6s", "share": "50%", "event": "disconnect_callers"}
    scenario = _scenario(_entry(), frozen, leaving, {"at": "8s", "event": "drop_state"})
    router, callers = _bars(scenario, "router"), _bars(scenario, "callers")
    assert "pause_router" in router
    assert "drop_state" in router
    assert 1 == (router.split("pause_router")[1]).count("#")
    assert "= disconnect_callers" in callers
    told = explain_scenario("t", scenario)
    assert "pause_router: 2s to 4s to the router" in told
    assert "disconnect_callers: 6s to the callers, 50% of" in told


def test_the_load_is_drawn_as_it_changes():
    """A rate that steps up is low before and high after, and its highest is named."""
    scenario = _scenario(_entry(), rate=[{"at": "0s", "rate": "10/s"}, {"at": "5s", "rate": "80/s"}])
    drawn = _bars(scenario, "load")
    assert "80/s" in drawn
    assert {"_", "#"} == set(drawn.split("80/s")[1].strip())


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.parametrize("width", [WIDTH_MIN, 80, 100])
def test_each_scenario_of_the_library_fits(name, width):
    """No line of a drawing is wider than it may be, and plain signs are ASCII."""
    scenario = library.load(LIBRARY[name], registry())
    for signs in (ASCII, UNICODE):
        lines = draw(scenario, Style(width, signs))
        assert width >= max(map(len, lines))
        assert signs is UNICODE or all(line.isascii() for line in lines)


@pytest.mark.parametrize("name", LIBRARY)
def test_each_scenario_of_the_library_is_explained(name):
    """Its story, its source, what a good router does, every entry and every expectation, in 80 columns."""
    scenario = library.load(LIBRARY[name], registry())
    told = explain_scenario(name, scenario)
    assert 80 >= max(map(len, told.splitlines()))
    flat = " ".join(told.split())
    for text in (scenario.story, scenario.source, scenario.remedy or "", scenario.title):
        assert " ".join(text.split()) in flat
    for entry in scenario.timeline:
        assert f"  {entry.name}: " in told
    for each in scenario.expect:
        assert f"  {each.measure} {each.wanted}: " in told


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "encoding", "term", "signs"),
    [
        (False, "utf-8", "xterm", ASCII),
        (True, "utf-8", "xterm", UNICODE),
        (True, "UTF8", "xterm", UNICODE),
        (True, "ascii", "xterm", ASCII),
        (True, "latin-1", "xterm", ASCII),
        (True, "utf-8", "dumb", ASCII),
    ],
)
def test_only_a_terminal_that_can_show_them_gets_more_than_ascii(terminal, encoding, term, signs, monkeypatch):
    """A log, a pipe and an old terminal get plain signs."""
    monkeypatch.setenv("TERM", term)
    stream = (_Terminal if terminal else io.TextIOWrapper)(io.BytesIO(), encoding=encoding)
    assert signs is style_of(stream).signs


@pytest.mark.parametrize(("columns", "width"), [("20", WIDTH_MIN), ("64", 64), ("300", 100)])
def test_a_drawing_is_as_wide_as_the_terminal_within_bounds(columns, width, monkeypatch):
    """A very wide terminal is not filled, since long lines are no better to read."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.delenv("TERM", raising=False)
    assert width == style_of(_Terminal(io.BytesIO(), encoding="utf-8")).width
