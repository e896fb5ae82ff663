"""What is written on the command line is understood, or refused without showing what may be a credential."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstorm.harness.command_run import warned, wish
from banstorm.harness.errors import HarnessError
from banstorm.harness.plan import Wish


def _wish(**words) -> Wish:
    plain = {"target": "reference", "inline": False, "seed": None, "out": Path("runs"), "ports": "", "model": None}
    plain |= {"name": None, "header": (), "api_key_env": None, "settings": (), "openai_sdk": "0%", "rate": None}
    plain |= {"intercept": False, "maps": (), "proxy_port": 0}
    return wish(**(plain | {"scenario": "sudden_ban", "ready_timeout": None, "charts": True} | words))


def test_a_key_comes_from_the_environment_without_its_line_s_end(monkeypatch: pytest.MonkeyPatch):
    """`export KEY="$(cat file)"` and its like leave blanks behind; a header with them would be no header."""
    monkeypatch.setenv("KEY", " open sesame\r\n")
    assert "open sesame" == _wish(api_key_env="KEY").options.api_key


def test_headers_are_read():
    """A header is a name and a value, whatever stands in the value."""
    assert {"x-team": "search: a", "x-empty": ""} == _wish(header=("x-team: search: a ", "x-empty:")).options.headers


REFUSED = {
    "a header without a colon": ({"header": ("Authorization Bearer hush-hush",)}, "a header without its colon"),
    "a header that is no ASCII": ({"header": ("x-key: hush-hüsh",)}, "x-key has characters other than ASCII"),
    "a header of two lines": ({"header": ("x-key: hush\r\nx: y",)}, "a header without its colon"),
    "a key instead of a variable": ({"api_key_env": "sk-hush-hush"}, "no name of a variable"),
    "a key that no header can carry": ({"api_key_env": "KEY"}, "KEY has characters"),
    "a variable that is not set": ({"api_key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY is not set"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_sent_is_refused_without_being_shown(case, monkeypatch: pytest.MonkeyPatch):
    """The message goes to a terminal or a CI log, so no credential is in it."""
    monkeypatch.setenv("KEY", "hush\nhush")
    words, what = REFUSED[case]
    with pytest.raises(HarnessError) as caught:
        _wish(**words)
    assert what in caught.value.what
    assert "hush" not in str(caught.value)


def test_a_verdict_repeats_the_warnings_of_its_run():
    """They may have scrolled away: a stray call stands beside a pass. A handful; the report has the rest."""
    assert [] == warned([])
    assert ["warning: the target called a.example"] == warned(["the target called a.example"])
    many = warned([f"number {number}\x1b" for number in range(7)])
    assert ["warning: number 4 ", "warning: 2 more in the report"] == many[-2:]
