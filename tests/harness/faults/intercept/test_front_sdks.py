"""Unmodified SDKs that believe to call the vendors: nothing but the printed environment leads them to the fakes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from banstorm.fakes.answer import Mark, Shape, expected

sys.path.insert(0, str(Path(__file__).parent))  # what stands beside this file

import programs

pytestmark = pytest.mark.lab

RUN = "7f3a9c"
NEWEST = Path(os.environ.get("BANSTORM_SDK_PYTHON") or Path(__file__).parents[4] / ".venv-sdk" / "bin" / "python")
"""Python with the newest SDKs, some of which can't live beside mitmproxy: `make test-sdk` makes it."""
CALLS = [
    ("beside", "openai", "openai", programs.OPENAI),
    ("beside", "openai-async", "openai", programs.OPENAI_ASYNC),
    ("beside", "anthropic", "anthropic", programs.ANTHROPIC),
    ("beside", "gemini", "gemini", programs.GEMINI),
    ("beside", "azure", "azure", programs.AZURE),
    ("beside", "openrouter", "openrouter", programs.OPENROUTER),
    ("newest", "openai", "openai", programs.OPENAI),
    ("newest", "openai-async", "openai", programs.OPENAI_ASYNC),
    ("newest", "anthropic", "anthropic", programs.ANTHROPIC),
    ("newest", "gemini", "gemini", programs.GEMINI),
    ("newest", "bedrock", "bedrock", programs.BEDROCK),
    ("newest", "cohere", "cohere", programs.COHERE),
    ("newest", "groq", "groq", programs.GROQ),
    ("newest", "mistral", "mistral", programs.MISTRAL),
]


@pytest.fixture(scope="module")
def front(long_intercept, scenario_of):
    """Every vendor behind the proxy."""
    providers = dict.fromkeys(sorted({provider for _, _, provider, _ in CALLS}))
    started = long_intercept(scenario_of([], {name: name for name in providers}))
    yield started
    started.stop()


def _python(era: str) -> str:
    if era == "beside":
        return sys.executable
    if not NEWEST.exists() and not os.environ.get("BANSTORM_CI"):
        pytest.skip("needs the newest SDKs: make test-sdk makes their environment")
    return str(NEWEST)


@pytest.mark.parametrize(
    ("era", "provider", "program", "call"),
    [
        pytest.param(era, provider, program, 40 + 2 * number, id=f"{name}-{era}")
        for number, (era, name, provider, program) in enumerate(CALLS)
    ],
)
def test_an_sdk_reaches_its_fake_under_the_vendors_name(front, era, provider, program, call):
    """Both answers are the fake's, word for word, and both attempts are the mapped provider's."""
    mark = Mark(RUN, call, Shape.TEXT, 12)
    said = front.run(programs.whole(program), python=_python(era), PROMPT=f"say {mark.render()}")
    assert {"plain": expected(mark, provider), "stream": expected(mark, provider)} == said
    front.child.wait_for_row("attempts", lambda row: row["call"] == call and row["stream"])
    rows = [row for row in front.child.rows("attempts") if row["call"] == call]
    assert [(provider, 200, "complete")] * 2 == [(row["provider"], row["status"], row["ended_by"]) for row in rows]


def test_no_sdk_called_anybody_else(front):
    """The SDKs above were refused nothing."""
    assert [] == front.child.rows("refusals")
