"""The example of docs/node.md works as it stands: npm's SDKs, node's test runner, banstorm serve.

The SDKs have to be there already (scripts/install-node-packages.sh, and BANSTORM_NODE_SDKS=build/node). Without them
the test is skipped; in CI (BANSTORM_CI) it fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "node.md").read_text("utf-8")
FOLDER = os.environ.get("BANSTORM_NODE_SDKS", "")
PATIENCE_S = 120


def _block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.mark.skipif(
    (not FOLDER or shutil.which("node") is None) and not os.environ.get("BANSTORM_CI"),
    reason="BANSTORM_NODE_SDKS is not set (scripts/install-node-packages.sh installs them), or no node",
)
def test_the_example_passes(tmp_path: Path):
    """Pasted into a file and a shell, every test of it passes, and the providers are stopped."""
    script = _block("js")
    name = re.match(r"// (\S+\.mjs)\n", script)
    assert name is not None
    (tmp_path / name[1]).write_text(script)
    (tmp_path / "node_modules").symlink_to(Path(FOLDER).absolute() / "node_modules")
    done = subprocess.run(
        ["bash", "-c", "set -m\n" + _block("sh")],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    count = len(re.findall(r"^test\(", script, re.MULTILINE))
    assert re.search(rf"^(# |ℹ )pass {count}$", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert re.search(r"^(# |ℹ )fail 0$", done.stdout, re.MULTILINE), done.stdout
