"""The words of the pages: headlines and advice that a reader understands without knowing a measure's key."""

from __future__ import annotations

import pytest
from banstorm.reports.plain import headline, name, reworded
from banstorm.reports.result import Result, State
from banstorm.reports.writers import markdown
from pages import failing, without_loss
from synthetic import judged

FAILED = "r failed under x: 21 of 91 calls were lost."


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The result of the failing run."""
    return judged(failing(), tmp_path_factory.mktemp("run"))


def told(result: Result, sentence: str, target: str) -> str:
    """The headline of the result, had it that sentence and target."""
    run = result.run.model_copy(update={"target": target})
    return headline(result.model_copy(update={"sentence": sentence, "run": run}))


@pytest.mark.parametrize(
    ("target", "sentence", "headlined"),
    [
        ("r", "r came through x: all 9 calls came right.", "r came through x: all 9 calls came right."),
        ("none", "none came through x: it did.", "Callers without a router came through x: it did."),
        ("nonesuch", "nonesuch did not survive x: it crashed.", "nonesuch did not survive x: it crashed."),
        ("r", "r failed: 1 of 9 calls were lost; first to break was y.", "r failed: 1 of 9 calls was lost."),
        ("r", "r failed under x: 21 of 91 calls were lost; first to break was y, found 2, wanted == 0.", FAILED),
    ],
)
def test_the_headline_is_a_sentence_of_its_own(target: str, sentence: str, headlined: str, result: Result) -> None:
    """What broke first has its place elsewhere; "none" is no router's name; one call was lost, several were."""
    assert told(result, sentence, target) == headlined


def test_a_fail_without_a_lost_call_says_what_failed(result: Result) -> None:
    """That it failed and lost none contradicts itself: the headline tells how many limits broke."""
    spared = without_loss(result)
    broken = sum(each.state is State.BROKEN for each in spared.expectations)
    assert headline(spared).endswith(
        f": every call got the right answer in time, but {broken} of {len(spared.expectations)} limits were broken."
    )


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("retry_amplification was 2.37, wanted at most 1.2.", "Requests for each call: 2.37, wanted at most 1.2."),
        ("Bring time_to_fail_over within its limit", "Bring time to fail over within its limit"),
        ("switch_gap.p95 was 2s.", "Switch gap (95 of 100, p95): 2s."),
        ("Leave anthropic sooner", "Leave anthropic sooner"),
        ("my_time_to_detective was here", "my_time_to_detective was here"),
        ("the outage was long", "the outage was long"),
    ],
)
def test_advice_names_measures_by_their_names(text: str, plain: str) -> None:
    """A key becomes a name, and "key was value" a name and its value; nothing else is touched."""
    assert reworded(text) == plain


@pytest.mark.parametrize(
    ("key", "named"),
    [("lost_calls", "lost calls"), ("cost_increase", "cost of a good answer, against before"), ("mine", "mine")],
)
def test_a_measure_has_a_name(key: str, named: str) -> None:
    """A name of its own where the key says little, else the key without its underscores."""
    assert name(key) == named


def test_the_summary_answers_without_being_unfolded(result: Result) -> None:
    """Survival, losses, failover, cost and what to fix first stand above the first fold, and no entry's number does."""
    above, folded = markdown.render(result).split("<details>", 1)
    assert "calls were lost.\n\n**Broke first:** How many calls got no right answer in time? 10, wanted none." in above
    assert "**Fix first:** Leave anthropic sooner." in above
    assert "| Silent losses | Lost calls | Failover |" in above
    billed = sum(each.usd for each in result.costs)
    assert f"Billed for this run: ${billed:.3g}, $" in above
    assert "org\\_disabled hit" in folded
    assert "0:org" not in folded
    assert "| How long did the router go on asking the broken provider? | time\\_to\\_detect |" in folded


def test_the_summary_says_that_a_fail_stands(result: Result) -> None:
    """A check that fell short beside a fail is no excuse for what broke."""
    short = result.checks[0].model_copy(update={"ok": False})
    text = markdown.render(result.model_copy(update={"checks": [short]}))
    assert "0 of 1 checks of ourselves passed\n\nWhat fell short could have kept this run from a pass" in text
