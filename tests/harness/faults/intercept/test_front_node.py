"""The official SDKs under Node that believe to call the vendors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from banstorm.fakes.answer import Mark, Shape, expected

pytestmark = pytest.mark.lab

RUN = "7f3a9c"
INSTALLED = Path(__file__).parents[4] / "build" / "node"
NODE = shutil.which("node")
OBEYS = ((24, 0), (22, 21))
"""The first versions, of each line, that obey HTTPS_PROXY once NODE_USE_ENV_PROXY=1 says so."""


def _obeys(version: str) -> bool:
    major, minor = map(int, version.lstrip("v").split(".")[:2])
    return major > OBEYS[0][0] or any(major == line and minor >= least for line, least in OBEYS)


@pytest.fixture(scope="module")
def node():
    """Node, and the options that it needs besides the printed environment."""
    ready = NODE is not None and (INSTALLED / "node_modules" / "openai").is_dir()
    if not ready and not os.environ.get("BANSTORM_CI"):
        pytest.skip("needs node and its SDKs: scripts/install-node-packages.sh installs them")
    assert ready, "node or its SDKs are missing: scripts/install-node-packages.sh installs them"
    version = subprocess.run([NODE, "--version"], check=True, capture_output=True, text=True).stdout
    return [] if _obeys(version) else ["--import", (INSTALLED / "proxy.mjs").as_uri()]


def _call(front, options, call, **changed):
    environment = {**front.variables, "PROMPT": f"say {Mark(RUN, call, Shape.TEXT, 12).render()}", **changed}
    return subprocess.run(
        [NODE, *options, str(INSTALLED / "call.mjs")],
        env={name: value for name, value in environment.items() if value},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_sdks_of_node_reach_the_fakes_under_the_vendors_names(intercept, scenario_of, node):
    """Both SDKs get the fakes' words, plainly and streamed, and a host of nobody's is refused."""
    front = intercept(scenario_of())
    done = _call(front, node, 5)
    assert 0 == done.returncode, done.stderr
    mark = Mark(RUN, 5, Shape.TEXT, 12)
    said = {name: dict.fromkeys(("plain", "stream"), expected(mark, name)) for name in ("openai", "anthropic")}
    assert {**said, "stray": "refused"} == json.loads(done.stdout)
    assert "refused" in front.warned("telemetry.example.com")
    front.stop()


def test_a_node_that_does_not_trust_the_authority_is_told_of(intercept, scenario_of, node):
    """Without NODE_EXTRA_CA_CERTS the SDK fails, and the run says why, though Node itself sends no word of it."""
    front = intercept(scenario_of())
    done = _call(front, node, 6, NODE_EXTRA_CA_CERTS="")
    assert 0 != done.returncode
    assert "api.openai.com" in front.warned("trust")
    front.stop()


@pytest.mark.parametrize(
    ("version", "obeys"),
    [
        ("v20.20.2", False),
        ("v22.20.9", False),
        ("v22.21.0", True),
        ("v23.11.0", False),
        ("v24.0.0", True),
        ("v25.1.0", True),
    ],
)
def test_which_node_needs_help(version, obeys):
    """Node obeys the environment by itself from 22.21 and from 24.0 on."""
    assert obeys == _obeys(version)
