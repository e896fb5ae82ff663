"""The examples of docs/fakes.md work as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parent.parent / "docs" / "fakes.md").read_text("utf-8")
PATIENCE_S = 60


def block(heading: str, language: str) -> str:
    """The first block of code in that language under a heading."""
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.search(rf"```{language}\n(.*?)```", part, re.DOTALL)
    assert found is not None
    return found[1]


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as somebody would who has pasted it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", "set -m\n" + script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_an_sdk_and_a_ban(tmp_path: Path):
    """The page's first lines start the fakes, get an answer, and meet a ban as the SDK's exception."""
    done = shell(block("Start, point an SDK at it, see a failure", "sh"), tmp_path)
    assert "You asked: Hello there" in done.stdout
    assert "anthropic: org_disabled" in done.stdout
    assert "This organization has been disabled." in done.stderr


def test_files_of_ones_own(tmp_path: Path):
    """The page's accounts, answers and service are taken as they are."""
    (tmp_path / "accounts.yaml").write_text(block("Accounts, limits, bans on a clock", "yaml"))
    (tmp_path / "answers.yaml").write_text(block("Answers of your own", "yaml"))
    (tmp_path / "parcels.yaml").write_text(block("Services beyond LLMs", "yaml"))
    script = """
    banstorm serve openai anthropic ./parcels.yaml --accounts accounts.yaml --answers answers.yaml > page &
    until grep -q Ctrl-C page || ! kill -0 %1; do sleep 0.1; done
    . ./page
    curl -sS "$PARCELS_BASE_URL/parcels" -H 'x-api-key: pk_1' -H 'content-type: application/json' -d '{"to": "me"}'
    curl -sS "$OPENAI_BASE_URL/chat/completions" -H 'authorization: Bearer sk-proj-mine' \
        -d '{"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "a refund, please"}]}'
    curl -sS "$OPENAI_BASE_URL/models" -H 'authorization: Bearer sk-proj-other'
    kill %1
    """
    done = shell(script, tmp_path)
    assert '"to":"me"' in done.stdout, done.stderr
    assert "We refund within 14 days." in done.stdout
    assert "invalid_api_key" in done.stdout
