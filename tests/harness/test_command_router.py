"""`banstorm router` is the router's own process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from banstorm.harness.command_router import command


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    line = [sys.executable, "-P", "-m", "banstorm.harness.cli", "router", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, cwd=cwd)


CONFIG = "providers: [{name: a, dialect: anthropic, base_url: 'http://127.0.0.1:1', model: m}]\n"


@pytest.mark.parametrize(
    ("arguments", "code", "stream", "words"),
    [
        (("--help",), 0, "stdout", "The router.yaml to run"),
        (("--config", "router.yaml", "--check"), 0, "stdout", "1 providers, no mistakes found"),
        (("--config", "nowhere.yaml"), 2, "stderr", "error: can't read the configuration"),
    ],
)
def test_options_output_and_exit_codes_are_the_routers_own(tmp_path, arguments, code, stream, words):
    """What is typed after `banstorm router` reaches the router as it is, and what it says and returns comes back."""
    (tmp_path / "router.yaml").write_text(CONFIG)
    (tmp_path / "router").mkdir()  # a user's own folder of that name shadows nothing
    (tmp_path / "router" / "__init__.py").write_text("raise SystemExit(99)")
    done = run(*arguments, cwd=tmp_path)
    assert code == done.returncode, done.stderr
    assert words in getattr(done, stream)


def test_the_router_is_started_apart():
    """The harness starts a module in a new interpreter, whose path doesn't begin with the folder it stands in."""
    assert [sys.executable, "-P", "-m", "banstorm.router", "--config", "x"] == command(["--config", "x"])
