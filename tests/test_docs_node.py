"""The example of docs/node.md works as it stands: npm's SDKs, node's test runner, banstorm serve.

The SDKs have to be there already (scripts/install-node-packages.sh, and BANSTORM_NODE_SDKS=build/node). Without them
the test is skipped; in CI (BANSTORM_CI) it fails.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "node.md").read_text("utf-8")
FOLDER = os.environ.get("BANSTORM_NODE_SDKS", "")
PATIENCE_S = 120


def _block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


pytestmark = pytest.mark.skipif(
    (not FOLDER or shutil.which("node") is None) and not os.environ.get("BANSTORM_CI"),
    reason="BANSTORM_NODE_SDKS is not set (scripts/install-node-packages.sh installs them), or no node",
)


def _run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Pasted into a file, and the page's commands run by a plain shell."""
    name = re.match(r"// (\S+\.mjs)\n", script)
    assert name is not None
    (folder / name[1]).write_text(script)
    (folder / "node_modules").symlink_to(Path(FOLDER).absolute() / "node_modules")
    return subprocess.run(
        ["sh", "-c", _block("sh")],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_the_example_passes(tmp_path: Path):
    """Every test of it passes, and the providers are stopped."""
    script = _block("js")
    done = _run(tmp_path, script)
    count = len(re.findall(r"^test\(", script, re.MULTILINE))
    assert re.search(rf"^(# |ℹ )pass {count}$", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert re.search(r"^(# |ℹ )fail 0$", done.stdout, re.MULTILINE), done.stdout
    assert 0 == done.returncode, done.stderr
    address = re.search(
        r"^export BANSTORM_CONTROL_URL=\S*?:(\d+)", (tmp_path / "banstorm.env").read_text(), re.MULTILINE
    )
    assert address is not None
    until = time.monotonic() + PATIENCE_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(address[1]))) != 0:
                break
        assert time.monotonic() < until, "banstorm serve goes on"
        time.sleep(0.05)


def test_a_failing_test_is_the_scripts_exit_code(tmp_path: Path):
    """A pipeline that pastes the commands sees it."""
    done = _run(tmp_path, _block("js").partition("test(")[0] + 'test("no", () => assert.fail("no"));\n')
    assert re.search(r"^(# |ℹ )fail 1$", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert 0 != done.returncode
