"""What the live page is sent: aggregated, bounded, and whole whenever something may have been missed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import live_page
import pytest
from banstorm.harness import events, web_together
from banstorm.harness.command_web import with_audience
from banstorm.harness.plan import Plan
from banstorm.harness.pulse import Pulse
from banstorm.harness.web_feed import QUEUE_MAX, Feed
from banstorm.harness.web_state import NEWS_CHARS_MAX, LiveState, windows
from banstorm.harness.web_timeline import STEPS_MAX, LiveTimeline
from banstorm.reports.repeat import RepeatOut


def _changes(state: LiveState) -> tuple[str, dict[str, Any]]:
    found = state.changes()
    assert found is not None
    return found[0], json.loads(found[1])


def test_many_events_are_one_message(tmp_path: Path):
    """However much happens between two looks, one message tells it; where nothing happens, there is none."""
    state = LiveState()
    state.begin(live_page.plan(tmp_path))
    assert "state" == _changes(state)[0]
    for number in range(1, 500):
        state.take(live_page.counters(1.0 + number / 1000, number))
    event, change = _changes(state)
    assert ("step", 1) == (event, len(change["steps"]))
    assert 499 == change["steps"][0]["outcomes"]["ok"]
    assert state.changes() is None


def test_a_page_that_comes_in_between_takes_nothing_from_the_others(tmp_path: Path):
    """To give the whole document to one page does not use up what has changed for the others."""
    state = LiveState()
    state.begin(live_page.plan(tmp_path))
    state.changes()
    state.take(live_page.counters(1.2, 10))
    state.take(events.Warned(1.3, "look"))
    whole = json.loads(state.whole())["run"]
    _, change = _changes(state)
    assert whole["timeline"]["outcomes"]["ok"][2] == change["steps"][0]["outcomes"]["ok"] == 10
    assert (whole["news"], whole["news_count"]) == (change["news"], change["news_count"])


def test_one_run_follows_the_other(tmp_path: Path):
    """With a tag each run begins anew, and the page keeps what became of those before; only theirs are reports."""
    state = LiveState()
    first, second = live_page.plan(tmp_path), live_page.plan(tmp_path, "revoked_key")
    for plan in (first, second):
        state.begin(plan)
        for event in live_page.story(plan.folder, "fail" if plan is first else "pass"):
            state.take(event)
    state.begin(live_page.plan(tmp_path))
    document = _changes(state)[1]
    assert [("sudden_ban", "fail"), (second.name, "pass")] == [(e["name"], e["verdict"]) for e in document["ended"]]
    assert 3 == document["run"]["number"]
    assert {} == document["run"]["timeline"]["outcomes"]
    assert [first.folder / "report.html", None] == [state.report(1), state.report(3)]


def test_what_several_runs_say_together_is_told_whole(tmp_path: Path):
    """How many there will be is known from the first on; what they say is the summary's own words, and its file."""
    state = LiveState()
    state.expect(2)
    document = _changes(state)[1]
    assert (2, None) == (document["planned"], document["together"])
    measure = {"measure": "lost_calls", "unit": "number", "held": True, "n": 2, "mean": 3.0, "note": "n = 2"}
    measure |= {"low": None, "high": None, "least": 2.0, "most": 4.0, "unseen": 0, "missing": 0}
    row = {"scenario": "sudden_ban", "title": "A ban", "target": "mine", "verdict": "fail", "measures": [measure]}
    runs = [{"folder": f"r{k}", "seed": k, "verdict": "fail", "sentence": "lost."} for k in (1, 2)]
    told = {"command": "banstorm run it", "repeat": 2, "complete": True, "verdict": "fail"}
    state.together(
        web_together.told(RepeatOut.model_validate({**told, "scenarios": [{**row, "runs": runs}]}), tmp_path)
    )
    document = _changes(state)[1]["together"]
    assert ("fail", "banstorm run it", str(tmp_path / "repeat.md")) == tuple(
        document[key] for key in ("verdict", "command", "file")
    )
    (scenario,) = document["scenarios"]
    assert "2 fail" == scenario["counts"]
    assert [("3, n = 2; from 2 to 4", True)] == [(each["spread"], each["held"]) for each in scenario["measures"]]


def test_a_run_that_could_not_be_played_says_why_though_another_follows(tmp_path: Path):
    """Its row has the reason, without the key that may stand in it; the next run is shown as ever."""
    state = LiveState()
    state.begin(live_page.plan(tmp_path))
    state.fail("the target said sk-ant-REDACTED")
    state.begin(live_page.plan(tmp_path))
    (row,) = _changes(state)[1]["ended"]
    assert ("not judged", False) == (row["verdict"], row["report"])
    assert row["sentence"].startswith("the target said ")
    assert "abcdefgh" not in row["sentence"]
    state.end()
    assert "the terminal says why" == _changes(state)[1]["ended"][1]["sentence"]


def test_news_are_short_and_hold_no_key(tmp_path: Path):
    """A router's last words may be long, and a key may stand in them."""
    state = LiveState()
    state.begin(live_page.plan(tmp_path))
    state.take(events.TargetExited(1.0, "said sk-ant-REDACTED " + "x" * 10_000))
    (line,) = json.loads(state.whole())["run"]["news"]
    assert NEWS_CHARS_MAX == len(line)
    assert "abcdefgh" not in line


LENGTHS = [(14.0, 0.5, 28), (0.2, 0.5, 1), (300.0, 0.5, 600), (301.0, 1.0, 301), (86_400.0, 256.0, 338)]


@pytest.mark.parametrize(("length_s", "step_s", "steps"), LENGTHS)
def test_a_long_run_gets_longer_steps(length_s: float, step_s: float, steps: int):
    """So the page stays small however long the run is."""
    line = LiveTimeline(length_s, ["a"])
    assert (step_s, steps) == (line.step_s, line.steps)
    assert line.steps <= STEPS_MAX


def test_what_ends_after_the_load_stands_in_the_last_step():
    """As in the report."""
    line = LiveTimeline(2.0, ["a"])
    line.take(9.0, {"outcomes": {"late": 3}}, {"a": {"attempts": 5, "errors": 1}})
    whole = line.whole()
    assert [0, 0, 0, 3] == whole["outcomes"]["late"]
    assert ([0, 0, 0, 5], [0, 0, 0, 1]) == (whole["attempts"]["a"], whole["failed"]["a"])


def test_rates_and_shares_are_of_the_last_two_seconds():
    """A provider that nobody asks any more has no share, however many requests it had before."""
    pulse = Pulse()
    assert (None, None) == (pulse.rate("a"), pulse.share("a"))
    for at_s, a, b in ((0.0, 0, 0), (1.0, 100, 0), (2.0, 200, 0), (3.0, 200, 30), (4.0, 200, 60)):
        pulse.take(at_s, {"a": {"attempts": a}, "b": {"attempts": b}})
    assert (0.0, 0.0) == (pulse.rate("a"), pulse.share("a"))
    assert (30.0, 1.0) == (pulse.rate("b"), pulse.share("b"))


async def test_a_page_that_cannot_keep_up_is_given_the_whole():
    """Its queue never grows: what it missed is replaced by the document as it is then."""
    number = 0
    feed = Feed(lambda: str(number).encode())
    with feed.subscribe() as messages:
        assert 1 == feed.pages
        for number in range(1, QUEUE_MAX + 1):  # noqa: B007 - the document tells it
            feed.publish("step", b"x")
        assert b"event: state\ndata: 8\n\n" == await anext(messages)
        feed.publish("step", b"y")
        assert b"event: step\ndata: y\n\n" == await asyncio.wait_for(anext(messages), 5)
    assert 0 == feed.pages


def test_windows_are_those_of_every_provider(tmp_path: Path):
    """A fault that comes and goes has a window a time; one at two providers has them at both."""
    plan = live_page.plan(tmp_path)
    entry = plan.scenario.timeline[0].model_copy(update={"on": ["anthropic", "openai"]})
    both = plan.scenario.model_copy(update={"timeline": [entry]})
    assert ["anthropic", "openai"] == [each["provider"] for each in windows(both)]


def test_who_watches_besides_hears_the_same(tmp_path: Path):
    """One stream of events, many readers."""
    heard: list[tuple[str, events.Event]] = []
    plan = live_page.plan(tmp_path)
    assert len == with_audience(plan, len)

    class Watching:
        def reader(self, plan: Plan) -> events.Listener:
            return lambda event: heard.append((plan.name, event))

    object.__setattr__(plan.wish, "audience", Watching())
    first: list[events.Event] = []
    event = events.Draining(1.0)
    with_audience(plan, first.append)(event)
    assert ([event], [("sudden_ban", event)]) == (first, heard)
