"""The page on targets: its router is a router, its commands judge it, its file's keys are keys."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from banstorm.harness import targets
from banstorm.harness.targets._own import Description

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "targets.md").read_text("utf-8")


def block(language: str, holds: str) -> str:
    """The text of the first block in a language that holds some words."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return next(each for each in found if holds in each)


@pytest.mark.lab
@pytest.mark.alone
def test_the_pages_router_is_judged_by_the_pages_command(tmp_path: Path):
    """The thirty lines and the command, as they stand there: no call lost, and the ban asked first each time."""
    (tmp_path / "my_router.py").write_text(block("python", "ThreadingHTTPServer"))
    words = shlex.split(block("console", "banstorm run sudden_ban --target 'python my_router.py"))[1:]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "banstorm.harness.cli", *words, "--no-charts"],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert "✓ lost_calls == 0: 0" in ended.stdout, ended.stdout + ended.stderr
    assert "✗ retry_amplification <= 1.2: 2" in ended.stdout


def test_the_router_is_as_short_as_it_says():
    """Thirty lines, a title and a blank one aside."""
    assert 32 >= len(block("python", "ThreadingHTTPServer").splitlines())


def test_every_target_is_on_the_page():
    """Whatever `--target` takes by name has a row."""
    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert set(targets.names()) - {"url", "command", "file"} <= named


def test_the_file_can_be_read():
    """The example of a target's file is one."""
    told = Description.model_validate(yaml.safe_load(block("yaml", "command:")))
    assert "my-router.yaml.in" == told.config
    for key in ("name", "folder", "path", "model", "api_key", "metrics"):
        assert key in Description.model_fields
        assert f"`{key}`" in PAGE
