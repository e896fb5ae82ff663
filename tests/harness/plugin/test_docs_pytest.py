"""The examples of docs/pytest.md work as they stand."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[3] / "docs" / "pytest.md").read_text("utf-8")
FRAMEWORKS = {"LangChain", "Pydantic AI"}
"""Headings whose examples need more than the SDKs: scripts/install-framework-packages.sh installs it."""
PYTHON = os.environ.get("BANSTORM_FRAMEWORKS_PYTHON", "")
PATIENCE_S = 120
OPTIONS = (
    "-q",
    "-p",
    "no:cacheprovider",
    "-o",
    "asyncio_mode=auto",
    "-o",
    "asyncio_default_fixture_loop_scope=function",
)


def _blocks() -> dict[str, str]:
    """Each Python block by its heading."""
    parts = re.split(r"^#+ (.*)\n", PAGE, flags=re.MULTILINE)
    found = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        assert len(blocks) <= 1, f"two examples under {heading!r}: give one a heading of its own"
        found.update(dict.fromkeys([heading], "".join(blocks)) if blocks else {})
    return found


BLOCKS = _blocks()


@pytest.mark.parametrize("heading", sorted(BLOCKS.keys() - FRAMEWORKS))
def test_an_example(pytester, heading):
    """Pasted into a file, it passes, and nothing in it is skipped or warned about."""
    pytester.makepyfile(BLOCKS[heading])
    result = pytester.runpytest_inprocess(*OPTIONS, "-W", "error::pytest.PytestWarning")
    assert 0 == result.ret
    result.assert_outcomes(passed=len(re.findall(r"def test_", BLOCKS[heading])))


@pytest.mark.parametrize("heading", sorted(FRAMEWORKS))
@pytest.mark.skipif(
    not PYTHON and not os.environ.get("BANSTORM_CI"),
    reason="BANSTORM_FRAMEWORKS_PYTHON is not set (scripts/install-framework-packages.sh installs what it needs)",
)
def test_an_example_with_a_framework(tmp_path, heading):
    """In an environment that has banstorm's base install beside the framework, it passes as pasted."""
    path = tmp_path / "test_example.py"
    path.write_text(BLOCKS[heading])
    done = subprocess.run(
        [PYTHON, "-m", "pytest", *OPTIONS, path],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANGSMITH_TRACING": "false"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_first_example_has_fewer_than_ten_lines():
    """A user's own code with an unmodified SDK is tested in under ten lines."""
    lines = [line for line in BLOCKS["Testing your own code with pytest"].splitlines() if line.strip()]
    assert len(lines) < 10
    assert lines[0] == "from openai import OpenAI"


def test_the_failure_shown_is_what_a_failure_looks_like(banstorm):
    """The page's output is the real one, times aside."""
    import httpx

    shown = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
    banstorm.anthropic.ban("org_disabled")
    httpx.post(
        f"{banstorm.anthropic.base_url}/v1/messages",
        headers={"x-api-key": "sk-ant-1", "anthropic-version": "2023-06-01"},
        json={"model": "claude-sonnet-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]},
    )
    with pytest.raises(AssertionError) as caught:
        banstorm.assert_failed_over("anthropic", "openai")
    assert shown[1] == re.sub(r"0\.\d{3} s", "0.000 s", f"AssertionError: {caught.value}\n")


def test_everything_that_is_named_is_there(banstorm):
    """Each name of the page's tables is an attribute of the fixture or of a provider, and none is left out."""
    tables = PAGE.split("## Everything there is")[1]
    whole, _, single = tables.partition("| on a provider")
    for text, thing in ((whole, banstorm), (single, banstorm.openai)):
        cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
        named = set(re.findall(r"`(\w+)", " ".join(cells))) - {"banstorm", "contains", "model", "nth"}
        offered = {name for name in dir(thing) if not name.startswith("_")}
        own = (
            {"close", "providers", "door_shut", "must_be"}
            if thing is banstorm
            else {"dialect", "name", "settle", "forget", "stand", "end"}
        )
        assert offered - own == named
