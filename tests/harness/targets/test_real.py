"""The real routers, installed from the registries: minutes, so only where BANSTORM_TARGETS names them (or says all)."""

import json
import os
import shutil

import psutil
import pytest
import whole_run
from banstorm.harness import targets
from banstorm.harness.targets._balancer import BalancerTarget, MachineBalancerTarget
from banstorm.harness.targets._choice import choose, named
from banstorm.harness.targets._program import ProgramTarget
from banstorm.harness.targets.base import Options

WANTED = os.environ.get("BANSTORM_TARGETS", "")
NAMES = [name for name in named() if issubclass(targets.find(name), ProgramTarget)]
TRANSLATING = [name for name in NAMES if not issubclass(targets.find(name), BalancerTarget)]
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not WANTED, reason="set BANSTORM_TARGETS=all, or to names with commas, to install real routers"),
]


@pytest.mark.parametrize("name", [each for each in NAMES if WANTED == "all" or each in WANTED.split(",")])
def test_a_real_router_is_installed_started_and_judged(name, tmp_path):
    """It answers every kind of call, every call has its row, and nothing of it is left behind."""
    target = choose(name, Options())
    if isinstance(target, MachineBalancerTarget) and shutil.which(name) is None and not os.environ.get("BANSTORM_CI"):
        pytest.skip(f"needs {name}")
    dialect = ["--dialect", "openai"] if isinstance(target, BalancerTarget) else []
    words = ["--target", name, "--rate", "8/s", "--ready-timeout", "90s", *dialect]
    done = whole_run.play(tmp_path, whole_run.scenario(tmp_path), *words)
    assert done.returncode in {0, 1, 3}, done.stdout + done.stderr
    assert f"ready: {target.detail.split()[0]}" in done.stdout
    folder = whole_run.folder(tmp_path)
    rows = whole_run.rows(folder)
    assert {each["call"] for each in rows["schedule"]} == {each["call"] for each in rows["calls"]}
    told = json.loads((folder / "run.json").read_text())["target"]
    assert told["settings"]
    assert told["front"] in {"openai_chat", "anthropic_messages"}
    left = [
        each.info for each in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(each.info["cmdline"] or [])
    ]
    assert [] == left


@pytest.mark.parametrize("name", [each for each in TRANSLATING if WANTED == "all" or each in WANTED.split(",")])
def test_a_real_router_is_intercepted(name, tmp_path):
    """Configured with the vendors' own addresses, it meets the fakes by its environment alone, Node's and Python's."""
    words = ["--target", name, "--rate", "8/s", "--ready-timeout", "90s", "--intercept"]
    done = whole_run.play(tmp_path, whole_run.scenario(tmp_path), *words)
    assert done.returncode in {0, 1, 3}, done.stdout + done.stderr
    assert "https://api.anthropic.com" in done.stdout
    assert f"ready: {choose(name, Options()).detail.split()[0]}" in done.stdout
    assert "refusals" not in whole_run.rows(whole_run.folder(tmp_path))
