"""`banstorm record`, and `banstorm serve` with answers of the user's own, as processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest
from banstorm.fakes import recording
from banstorm.harness.command_record import is_loopback

PATIENCE_S = 20  # no test gets anywhere near it; a hang fails instead of hanging
SECRET = "my-own-key-4711"  # looks like no vendor's key


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        *[(host, True) for host in ("localhost", "127.0.0.1", "127.8.9.1", "::1")],
        *[(host, False) for host in ("0.0.0.1", "192.168.0.1", "localhost.example.com", "127.0.0.1.nip.io", "a.b")],
    ],
)
def test_what_is_loopback(host: str, ours):
    """Only this machine's own addresses need no flag; a name that may lead anywhere does."""
    assert ours is is_loopback(host)


def _banstorm(*words: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "banstorm.harness.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


MISTAKES = [
    ("record --out r", "nothing to record"),
    ("record --out r --upstream openai=https://api.openai.com", "add --allow-network"),
    ("record --out r --upstream opnai=http://127.0.0.1:1", "did you mean 'openai'"),
    ("record --out r --upstream openai=http://127.0.0.1:1 --upstream openai=http://127.0.0.1:2", "stands twice"),
    ("record --out r --upstream openai=http://me:pw@127.0.0.1:1", "leave out user, password"),
    ("record --out r --upstream openai=ftp://127.0.0.1:1", "no web address"),
    ("record --out r --upstream openai", "no web address"),
    ("record --out r --upstream openai=http://127.0.0.1:p", "no URL"),
    ("record --out r --upstream openai=http://127.0.0.1:99999", "no port: 99999"),
    ("record --out r --upstream openai=http://127.0.0.1:1 --ports groq=1", "which isn't recorded"),
    ("record --out . --upstream openai=http://127.0.0.1:1", "exists already"),
    ("serve openai --answers nothing.yaml", "can't be read: no such file"),
    ("serve openai --answers bad.yaml", "bad.yaml:2, [1].txt"),
    ("serve openai --replay bad.yaml", "no recording of banstorm's"),
    ("serve openai --replay-strict", "--replay-strict without a recording"),
    ("serve openai --replay other --replay-strict --answers bad.yaml", "leaves nothing to canned answers"),
    ("serve openai --replay-speed 2", "--replay-speed without a recording"),
    ("serve openai --replay bad.yaml --replay-speed -1", "write 0 for at once"),
    ("serve groq --replay other", "none of which is served"),
    ("serve groq --replay none", "a recording of nothing"),
]


@pytest.mark.parametrize(("words", "told"), MISTAKES, ids=[each[1] for each in MISTAKES])
def test_a_mistake_is_told_in_three_lines(tmp_path: Path, words: str, told: str):
    """What, where, what next; exit code 2; and no empty recording is left behind."""
    (tmp_path / "bad.yaml").write_text("- text: a\n- txt: b\n")
    identity = recording.Identity.of("POST", b"/", b"", b"")
    line = recording.Exchange(1, "openai", identity, 200, (), 0.0, ()).line()
    (tmp_path / "none").write_bytes(recording.head_line("0.1.0"))
    (tmp_path / "other").write_bytes(recording.head_line("0.1.0") + line)
    process = _banstorm(*words.split(), folder=tmp_path)
    _, error = process.communicate(timeout=PATIENCE_S)
    assert 2 == process.returncode
    assert ["error:", "where:", "next: "] == [each[:6] for each in error.splitlines()]
    assert told in error
    assert not (tmp_path / "r").exists()


class Command:
    """A running command, and the address of OpenAI that it printed."""

    def __init__(self, *words: str, folder: Path) -> None:
        self.process = _banstorm(*words, folder=folder)
        assert self.process.stdout
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("# Ctrl-C"):
                break
        self.page = "".join(lines)
        [self.url] = re.findall(r"^export OPENAI_BASE_URL=(\S+)$", self.page, re.MULTILINE)

    def ask(self, text: str) -> httpx.Response:
        """A question."""
        body = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": text}]}
        headers = {"authorization": f"Bearer {SECRET}"}
        return httpx.post(f"{self.url}/chat/completions", json=body, headers=headers, timeout=PATIENCE_S)

    def end(self, signum: signal.Signals = signal.SIGINT) -> str:
        """Press Ctrl-C, or what else ends it; what was printed since."""
        self.process.send_signal(signum)
        try:
            out, error = self.process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert (0, "") == (self.process.returncode, error)
        return out


def test_from_canned_answers_to_a_recording_to_its_replay(tmp_path: Path):
    """As a user does it: serve a file of answers, record it through a proxy, and play the recording without either."""
    (tmp_path / "answers.yaml").write_text(
        "- {when: {contains: refund, nth: 1}, text: We refund within 14 days.}\n"
        "- {when: {contains: refund}, failure: {kind: rate_limited, retry_after: 7}}\n"
    )
    served = Command("serve", "openai", "--answers", "answers.yaml", folder=tmp_path)
    recorder = Command("record", "--upstream", f"openai={served.url}", "--out", "r.ndjson", folder=tmp_path)
    heard = [recorder.ask("a refund?") for _ in range(2)]
    summary = recorder.end()
    served.end()
    assert ["We refund within 14 days.", "7"] == [
        heard[0].json()["choices"][0]["message"]["content"],
        heard[1].headers["retry-after"],
    ]
    assert "2 recorded" in summary
    assert SECRET not in summary + recorder.page + (tmp_path / "r.ndjson").read_text()

    played = Command(
        "serve", "openai", "--replay", "r.ndjson", "--replay-strict", "--replay-speed", "0", folder=tmp_path
    )
    again = [played.ask("a refund?") for _ in range(2)]
    unknown = played.ask("something else")
    played.end()
    assert [(each.status_code, each.content) for each in heard] == [(each.status_code, each.content) for each in again]
    assert heard[1].headers["x-request-id"] == again[1].headers["x-request-id"]
    assert 404 == unknown.status_code
    assert "differs in messages" in unknown.json()["error"]["message"]


@pytest.mark.usefixtures("hangups")
def test_a_terminal_that_goes_away_ends_a_recording_as_ctrl_c_does(tmp_path: Path):
    """A hang-up is no crash: what became of the exchanges is summed up, and the file is closed."""
    recorder = Command("record", "--upstream", "openai=http://127.0.0.1:9", "--out", "r.ndjson", folder=tmp_path)
    assert "nothing was recorded: no request came" in recorder.end(signal.SIGHUP)


def test_a_recording_of_nothing_leaves_no_file(tmp_path: Path):
    """There would be nothing to play, and the next try with the same name shall begin."""
    for _ in range(2):
        recorder = Command("record", "--upstream", "openai=http://127.0.0.1:1", "--out", "r.ndjson", folder=tmp_path)
        assert 502 == recorder.ask("hello").status_code
        said = recorder.end()
        assert "1 not recorded: the API can't be reached\nno recording is left: r.ndjson\n" in said
        assert "--replay" not in said
        assert not (tmp_path / "r.ndjson").exists()


def test_a_ban_reaches_recorded_answers(tmp_path: Path):
    """The control API takes an account away from under a recording, and gives it back."""
    body = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "hi"}]}
    identity = recording.Identity.of("POST", b"/v1/chat/completions", b"", orjson.dumps(body))
    line = recording.Exchange(1, "openai", identity, 200, (), 0.0, ((0.0, b"recorded"),)).line()
    (tmp_path / "r").write_bytes(recording.head_line("0.1.0") + line)
    played = Command("serve", "openai", "--replay", "r", folder=tmp_path)
    variables = dict(re.findall(r"^export ([A-Z_]+)=(\S+)$", played.page, re.MULTILINE))
    url = f"{variables['BANSTORM_CONTROL_URL']}/v1/providers/openai/standing"
    token = {"authorization": f"Bearer {variables['BANSTORM_CONTROL_TOKEN']}"}
    heard = []
    for state in ("ok", "org_disabled", "ok"):
        httpx.put(url, json={"state": state}, headers=token, timeout=PATIENCE_S).raise_for_status()
        heard.append(played.ask("hi").content)
    played.end()
    assert b"recorded" == heard[0] == heard[2]
    assert b"account_deactivated" in heard[1]
