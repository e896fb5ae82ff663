"""What is said of a target that never answered a marked call: what it did, whom it asked, what to look at."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from banstorm.harness.not_ready import ended, unanswered
from banstorm.harness.readiness import Readiness

URL = "http://127.0.0.1:4000/v1"
LOG = Path("runs/x/logs/target.log")


def process(tail: str = "", **more: Any) -> Any:
    """A process of ours."""
    return SimpleNamespace(log=LOG, tail=lambda: tail, **more)


CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "ours, and nobody listens": (
        {"heard": False, "process": process("waiting for a database")},
        ["its log ends: waiting for a database", f"read {LOG}", "listens on the port"],
    ),
    "ours, and answers without asking anybody": (
        {"process": process()},
        ["it asked none of its providers", "where its providers point", f"read {LOG}"],
    ),
    "ours, and asks": (
        {"process": process(), "attempts": {"a": 6, "b": 0}},
        ["it asked a 6 times, b 0 times", "which model"],
    ),
    "the user's": ({}, ["check that it runs, where its providers point, and --model and --api-key-env"]),
    "the user's, intercepted, past the proxy": (
        {"intercepted": True},
        ["no call came through the proxy: start it with the environment that was printed"],
    ),
    "ours, intercepted, past the proxy": (
        {"intercepted": True, "process": process()},
        ["no call came through the proxy", "whether it obeys HTTPS_PROXY"],
    ),
    "the user's, intercepted, not even up": (
        {"intercepted": True, "heard": False},
        ["no call came through the proxy: start it with the environment that was printed"],
    ),
    "ours, intercepted, not even up": (
        {"intercepted": True, "heard": False, "process": process()},
        ["listens on the port"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_target_that_never_answered_is_told_with_what_helps(case: str):
    """The next step fits what was seen."""
    told, parts = CASES[case]
    ready = Readiness(marked=False, answered=False, detail="not ready after 2 s (…)", heard=told.get("heard", True))
    error = unanswered(
        ready,
        URL,
        told.get("process"),
        told.get("attempts", {"a": 0, "b": 0}),
        intercepted=told.get("intercepted", False),
    )
    said = str(error)
    assert 3 == len(said.splitlines())
    assert "not ready after 2 s" in error.what
    assert URL == error.where
    for part in parts:
        assert part in said
    assert ("it asked" in error.what) == ready.heard


@pytest.mark.parametrize(
    ("code", "end", "advice"),
    [(0, "exited with code 0", "in the foreground"), (2, "exited with code 2", "mend its configuration")],
)
def test_a_target_that_ended_is_told_with_its_last_words(code: int, end: str, advice: str):
    """A command that goes to the background ends well, and is gone all the same."""
    error = ended(process("bye", returncode=code, end=end))
    assert f"the target {end} before it was ready: bye" == error.what
    assert str(LOG) == error.where
    assert advice in str(error)
