"""The GitHub Action: its scripts run in a shell with the variables that GitHub sets, its file names what they read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts" / "action"
SCENARIO = """\
version: 1
title: A short ban
story: The first provider is disabled for a second and a half.
source: made for this test
seed: 11
providers:
  anthropic: {dialect: anthropic, model: claude-sonnet-5, ttft: 20ms, tokens_per_second: 400}
  openai: {dialect: openai, model: gpt-5.4-mini, ttft: 20ms, tokens_per_second: 400}
load: {rate: 20/s, callers: 20, warmup: 500ms, duration: 4s, answer: 8 tokens, deadline: 4s}
timeline:
  - {at: 1s, until: 2500ms, on: anthropic, fault: org_disabled}
expect:
  lost_calls: 0
"""


@pytest.fixture
def runner(tmp_path: Path):
    """Runs a script of the action as GitHub's runner would, in an environment that has this banstorm."""
    environment = tmp_path / "temp" / "banstorm-env" / "bin"
    environment.mkdir(parents=True)
    command = environment / "banstorm"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m banstorm.harness.cli "$@"\n')
    command.chmod(0o755)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "short ban.yaml").write_text(SCENARIO)

    def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        github = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "GITHUB_WORKSPACE": str(workspace),
            "RUNNER_TEMP": str(tmp_path / "temp"),
        }
        return subprocess.run(
            ["bash", str(SCRIPTS / script)],
            cwd=workspace,
            env=os.environ | github | variables,
            check=False,
            capture_output=True,
            text=True,
            timeout=240,
        )

    return run


def outputs(tmp_path: Path) -> dict[str, str]:
    """What the step has set."""
    return dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())


@pytest.mark.lab
@pytest.mark.alone
@pytest.mark.parametrize(
    ("arguments", "verdict", "code"),
    [
        ("--no-charts\n--inline\n", "pass", 0),
        ("--no-charts\r\n--inline\r\n--set\r\nfallback=false\r\n--set\r\nbreaker.enabled=false", "fail", 1),
    ],
)
def test_a_step_ends_as_its_run(runner, tmp_path: Path, arguments: str, verdict: str, code: int) -> None:
    """Exit code, outputs and summary are those of the run; blanks in a name and Windows line ends are fine."""
    (tmp_path / "workspace" / "banstorm-runs" / "earlier").mkdir(parents=True)
    (tmp_path / "workspace" / "banstorm-runs" / "earlier" / "summary.md").write_text("of an earlier step")

    ended = runner("run.sh", BANSTORM_SCENARIO="short ban.yaml", BANSTORM_TARGET="reference", BANSTORM_ARGS=arguments)

    assert ended.returncode == code, ended.stdout + ended.stderr
    seen = outputs(tmp_path)
    assert (seen["verdict"], seen["exit-code"]) == (verdict, str(code))
    report = tmp_path / "workspace" / seen["report"]
    assert report.name == "report.html"
    assert report.stat().st_size > 10_000
    summary = (tmp_path / "summary.md").read_text()
    assert summary.strip() == (report.parent / "summary.md").read_text().strip()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "neither scenario nor tag"),
        ({"BANSTORM_SCENARIO": "sudden_ban", "BANSTORM_TAG": "ci"}, "both given"),
        ({"BANSTORM_SCENARIO": "suden_ban"}, "sudden_ban"),
        ({"BANSTORM_SCENARIO": "$(touch owned)"}, "$(touch owned)"),
        ({"BANSTORM_SCENARIO": "sudden_ban", "BANSTORM_ARGS": "--sett; touch owned"}, "--sett; touch owned"),
    ],
)
def test_bad_input_is_usage_and_runs_nothing(runner, tmp_path: Path, variables: dict[str, str], told: str) -> None:
    """What can't be used ends with 2 and a sentence; no input is ever a command."""
    ended = runner("run.sh", **variables)

    assert ended.returncode == 2
    assert told in ended.stdout + ended.stderr
    assert not list((tmp_path / "workspace").rglob("owned"))


def test_the_install_makes_an_environment_of_its_own(runner, tmp_path: Path) -> None:
    """The checkout that the action lies in is installed beside the job's Python, not into it."""
    for each in (tmp_path / "temp" / "banstorm-env").rglob("*"):
        if each.is_file():
            each.unlink()
    ended = runner("install.sh", BANSTORM_PYTHON=sys.executable, PIP_NO_DEPS="1")

    assert ended.returncode == 0, ended.stderr
    environment = tmp_path / "temp" / "banstorm-env"
    assert (environment / "bin" / "banstorm").exists()
    (installed,) = environment.glob("lib/python*/site-packages/banstorm/harness/cli.py")
    assert installed.read_bytes() == (ROOT / "harness" / "cli.py").read_bytes()


def test_every_variable_is_set_and_no_input_stands_in_a_script() -> None:
    """action.yml hands each variable that a script reads, and inputs reach a shell as variables only."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    steps = action["runs"]["steps"]
    for step in steps:
        assert "${{" not in step.get("run", "")
    for script in ("install.sh", "run.sh"):
        (step,) = [each for each in steps if script in each.get("run", "")]
        read = set(re.findall(r"\$\{?(BANSTORM_[A-Z]+)", (SCRIPTS / script).read_text()))
        assert read == set(step["env"])
    written = set(re.findall(r'echo "([a-z-]+)=', (SCRIPTS / "run.sh").read_text()))
    assert written == set(action["outputs"])
    used = set(re.findall(r"inputs\.([a-z-]+)", (ROOT / "action.yml").read_text()))
    assert used == set(action["inputs"])


def test_the_example_workflow_uses_inputs_that_exist() -> None:
    """What the GitHub example hands to the action are inputs of it, and its options are options of `banstorm run`."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    workflow = yaml.safe_load((ROOT / "docs" / "ci" / "github-failover.yml").read_text())
    (step,) = [each for each in workflow["jobs"]["crash-test"]["steps"] if "banstorm" in each.get("uses", "")]
    assert set(step["with"]) <= set(action["inputs"])
    assert options(step["with"]["args"].split()) <= known_options()


def test_the_gitlab_example_uses_options_that_exist() -> None:
    """The job's command is one that `banstorm run` takes, and the artifacts are where runs go by default."""
    job = yaml.safe_load((ROOT / "docs" / "ci" / "gitlab-failover.yml").read_text())["failover"]
    (command,) = [line for line in job["script"] if " run " in line]
    assert options(command.split()) <= known_options()
    assert job["artifacts"]["reports"]["junit"] == "runs/*/junit.xml"


def test_the_page_names_every_input() -> None:
    """docs/ci.md has a row for each input of the action, with its default."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    page = (ROOT / "docs" / "ci.md").read_text()
    for name, about in action["inputs"].items():
        default = f"`{about['default']}`" if about["default"] else ""
        assert re.search(rf"^\| `{name}` \| {re.escape(default)} ?\|", page, re.MULTILINE), name


def options(words: list[str]) -> set[str]:
    """The options among some words."""
    return {word for word in words if word.startswith("--")}


def known_options() -> set[str]:
    """Those of `banstorm run`."""
    command = [sys.executable, "-P", "-m", "banstorm.harness.cli", "run", "--help"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return set(re.findall(r"--[a-z-]+", told))
