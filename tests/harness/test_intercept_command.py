"""`banstorm intercept`, and `banstorm run --intercept`, as a person uses them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from banstorm.harness.cli import banstorm as command
from banstorm.harness.errors import HarnessError
from banstorm.scenarios.problems import ScenarioError
from click.testing import CliRunner

PROGRAM = """
import openai
client = openai.OpenAI(api_key="sk-proj-test", max_retries=0)
try:
    said = client.chat.completions.create(model="gpt-5.4-mini", messages=[{"role": "user", "content": "hi"}])
    print("said", len(said.choices[0].message.content) > 0)
except openai.APIStatusError as error:
    print("failed", error.status_code, error.code)
"""
"""A program of a user's: nothing in it knows of banstorm."""
LASTING = """\
version: 1
title: A ban that lasts
story: The organisation is disabled from the first call on.
source: made for this test
seed: 11
providers:
  openai: {dialect: openai, model: gpt-5.4-mini, ttft: 5ms, tokens_per_second: 2000}
load: {rate: 1/s, duration: 10m}
timeline:
  - {at: 100ms, on: openai, fault: org_disabled}
expect:
  lost_calls: 0
"""


class Session:
    """A `banstorm intercept` that runs."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "banstorm.harness.cli", "intercept", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._guard = threading.Timer(60, self.process.kill)
        self._guard.start()
        self.said: list[str] = []
        self.until("# Ctrl-C ends it")
        self.environment = dict(re.findall(r"^export (\w+)=(\S+)$", "".join(self.said), re.MULTILINE))

    def until(self, words: str) -> str:
        """The next line with these words."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return line
        pytest.fail(f"{words!r} was never printed: {''.join(self.said)}")

    def run(self, program: str) -> str:
        """Start a program with the environment that was printed, and no more than that."""
        done = subprocess.run(
            [sys.executable, "-P", "-c", program],
            env={"PATH": os.defpath, **self.environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout.strip()

    def end(self, signum: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Press Ctrl-C, or what else ends it; the exit code, and all that was printed."""
        self.process.send_signal(signum)
        assert self.process.stdout
        self.said.append(self.process.stdout.read())
        code = self.process.wait(20)
        self._guard.cancel()
        return code, "".join(self.said)


@pytest.fixture
def session():
    """Starts sessions, and ends what is left of them."""
    sessions: list[Session] = []

    def start(*words: str) -> Session:
        sessions.append(Session(*words))
        return sessions[-1]

    yield start
    for each in sessions:
        with contextlib.suppress(ProcessLookupError):
            each.process.kill()
        each.process.wait()


@pytest.mark.lab
def test_a_program_that_knows_nothing_calls_the_fakes(session):
    """The printed environment is all it takes; other hosts are refused and told; afterwards nothing is left."""
    started = session("openai", "anthropic")
    assert "said True" == started.run(PROGRAM)
    stray = "import httpx; print(httpx.get('http://telemetry.example.com/').status_code)"
    assert "403" == started.run(stray)
    assert "refused, and nothing left this machine" in started.until("telemetry.example.com")
    folder = Path(started.environment["NODE_EXTRA_CA_CERTS"]).parent
    assert ["bundle.pem", "ca.pem", "environment.sh"] == sorted(each.name for each in folder.iterdir())
    code, said = started.end()
    assert 0 == code
    assert re.search(r"^# openai: 1 requests, 0 with a fault, 0 errors$", said, re.MULTILINE)
    assert not folder.parent.exists()


@pytest.mark.lab
def test_the_environment_can_be_sourced(session):
    """The file that is named beside the exports says the same, to a shell."""
    started = session("openai")
    (line,) = [line for line in started.said if line.startswith("# or: . ")]
    shell = subprocess.run(
        ["sh", "-c", f"{line.removeprefix('# or: ').strip()} && env"],
        env={"PATH": os.defpath},
        check=True,
        capture_output=True,
        text=True,
    )
    assert started.environment.items() <= dict(each.split("=", 1) for each in shell.stdout.splitlines()).items()
    assert 0 == started.end()[0]


@pytest.mark.lab
def test_a_timeline_begins_with_the_first_request(session, tmp_path):
    """With --play the scenario's faults are there once somebody has called, and the ledger is kept with --out."""
    path = tmp_path / "lasting.yaml"
    path.write_text(LASTING)
    started = session(str(path), "--play", "--out", str(tmp_path / "kept"))
    assert "said True" == started.run(PROGRAM)
    started.until("fault 0:org_disabled armed on openai")
    assert "failed 401 account_deactivated" == started.run(PROGRAM)
    started.until("bit openai for the first time")
    assert 0 == started.end()[0]
    assert "org_disabled" in (tmp_path / "kept" / "ledger" / "injector.ndjson").read_text()


@pytest.mark.lab
@pytest.mark.usefixtures("hangups")
def test_a_terminal_that_goes_away_ends_it_as_ctrl_c_does(session):
    """A hang-up is no crash: the children end, and what was called is summed up."""
    code, said = session("openai").end(signal.SIGHUP)
    assert 0 == code, said
    assert "# nobody called" in said


@pytest.mark.lab
def test_without_play_nothing_happens_to_a_scenarios_providers(session, tmp_path):
    """A scenario alone only says which vendors there are, and how fast they answer."""
    path = tmp_path / "lasting.yaml"
    path.write_text(LASTING.replace("at: 100ms", "at: 0s"))
    started = session(str(path))
    assert ["said True", "said True"] == [started.run(PROGRAM) for _ in range(2)]
    assert 0 == started.end()[0]


@pytest.mark.lab
def test_a_login_is_told(session, tmp_path):
    """Whoever stands in for a provider's customers gets its refresh token, and refreshes at the vendor's own host."""
    path = tmp_path / "lasting.yaml"
    path.write_text(LASTING.replace("ttft: 5ms", "login: {expires: 60s}, ttft: 5ms"))
    started = session(str(path))
    (line,) = [line for line in started.said if "log in with the refresh token" in line]
    said = {"grant_type": "refresh_token", "refresh_token": line.split()[-1]}
    program = f"import httpx; print(httpx.post('https://api.openai.com/v1/oauth/token', json={said!r}).text)"
    granted = json.loads(started.run(program))
    assert 60 == granted["expires_in"]
    assert "failed 401 invalid_api_key" == started.run(PROGRAM)
    assert "said True" == started.run(PROGRAM.replace("sk-proj-test", granted["access_token"]))
    assert 0 == started.end()[0]


MISTAKES = [
    (["intercept", "opena"], "neither a scenario nor a vendor is called 'opena'"),
    (["intercept", "opena"], "did you mean 'openai'?"),
    (["intercept", "sudden_bann"], "did you mean 'sudden_ban'?"),
    (["intercept", "nothing/of/the/kind.yaml"], "there is no such scenario file"),
    (["intercept", "openai", "sudden_ban"], "no vendor is called 'sudden_ban'"),
    (["intercept", "openai", "--play"], "there is no timeline to play"),
    (["intercept", "openai", "--map", "https://x.org=openai"], "no host: 'https://x.org'"),
    (["intercept", "openai", "--map", "x.org=anthropic"], "there is no provider 'anthropic'"),
    (["intercept", "openai", "--out", "."], "the folder can't be made"),
    (["run", "sudden_ban", "--map", "x.org=openai"], "--map means nothing without --intercept"),
    (["run", "sudden_ban", "--proxy-port", "9000"], "--proxy-port means nothing without --intercept"),
    (["run", "sudden_ban", "--intercept", "--inline"], "nothing can be intercepted inside the fakes"),
]


@pytest.mark.lab
@pytest.mark.parametrize(("words", "what"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_told_before_anything_starts(words, what):
    """What can't be intercepted, or makes no sense, is refused by name."""
    found = CliRunner().invoke(command, words)
    assert isinstance(found.exception, HarnessError | ScenarioError)
    assert what in str(found.exception)


@pytest.mark.lab
@pytest.mark.parametrize(
    ("words", "advice"),
    [((), "run with --intercept"), (("--inline",), "run without --inline")],
)
def test_broken_tls_is_refused_where_no_tls_is_spoken(tmp_path, words, advice):
    """A fault of TLS handshakes needs the proxy, and the refusal says how to get it."""
    path = tmp_path / "tls.yaml"
    path.write_text(LASTING.replace("org_disabled", "tls_broken").replace("10m", "30s"))
    found = CliRunner().invoke(command, ["run", str(path), *words])
    assert isinstance(found.exception, HarnessError)
    assert advice in str(found.exception)


@pytest.mark.lab
def test_a_taken_port_is_told(session):
    """Two interceptions can't share a fixed port, and the second says so."""
    first = session("openai")
    port = first.environment["HTTPS_PROXY"].rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "banstorm.harness.cli", "intercept", "openai", "--proxy-port", port],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert 2 == done.returncode
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--proxy-port" in done.stderr
    assert 0 == first.end()[0]
