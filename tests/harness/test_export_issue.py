"""`banstorm export-issue`: a report for a router's maintainers, and a script that shows it without banstorm."""

from __future__ import annotations

import ast
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from banstorm.harness import command_export
from banstorm.harness.cli import banstorm
from banstorm.harness.errors import HarnessError
from banstorm.harness.issue_headers import Sent
from banstorm.harness.issue_recorded import Recorded as Call
from banstorm.harness.issue_recorded import content_type, replies, well
from banstorm.harness.launch import pick_port
from banstorm.scenarios.model import Provider
from click.testing import CliRunner

STUB = Path(__file__).parent / "targets" / "tiny_router.py"
BANNED = '{"error":{"message":"This organisation was disabled.","type":"invalid_request_error"}}'
WAIT_S = 30.0


def attempt(provider: str, **more: Any) -> dict[str, Any]:
    """An attempt's row."""
    row = {"provider": provider, "path": "/v1/chat/completions", "status": 403, "fault": "0:ban", "evidence": BANNED}
    return row | {"ended_by": "complete", "received_ns": 1} | more


def told(*theirs: dict[str, Any], stream: bool = False) -> dict[str, Any]:
    """What a script knows: two providers of one dialect, the first of them broken."""
    call = Call(attempts=list(theirs))
    openai = Provider(dialect="openai", model="gpt-5.4-mini")
    body = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "Say hello."}], "stream": stream}
    one = {"port": 1, "base_path": "/v1", "refuses": False, "well": well(openai, "text")}
    return {
        "providers": [{**one, "name": name, "replies": replies(call, name)} for name in ("first", "second")],
        "request": {
            "router": "http://127.0.0.1:1/v1",
            "path": "/chat/completions",
            "headers": {"content-type": "application/json"},
            "key": ["authorization", "Bearer "],
            "body": body,
        },
        "found": "outcome error, status 403",
    }


@contextmanager
def running(*words: str, port: int) -> Iterator[None]:
    """A router that listens at the port."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + WAIT_S
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None
                assert time.monotonic() < until
            yield
        finally:
            process.kill()


def reproduce(text: str, tmp_path: Path, port: int, ports: list[int]) -> str:
    """Run the script by a Python that sees nothing of ours; what it printed."""
    path = tmp_path / "reproduce.py"
    path.write_text(text)
    env = {"ROUTER_URL": f"http://127.0.0.1:{port}/v1", "PROVIDER_PORTS": ",".join(map(str, ports)), "PATH": os.defpath}
    words = [sys.executable, "-I", "-S", str(path)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=WAIT_S, env=env)
    assert "" == done.stderr
    return done.stdout


def through_stub(tmp_path: Path, what: dict[str, Any], mode: str = "good", providers: int = 2) -> str:
    """What the script prints with the tiny router, configured for so many of its providers."""
    port, *ports = pick_port(), pick_port(), pick_port()
    urls = [f"http://127.0.0.1:{each}/v1" for each in ports[:providers]]
    with running(sys.executable, str(STUB), str(port), mode, *urls, port=port):
        return reproduce(command_export.script(what), tmp_path, port, ports)


def test_the_script_shows_a_refusal_passed_on(tmp_path: Path):
    """A router that knows one provider only hands its refusal to the caller, byte for byte."""
    said = through_stub(tmp_path, told(attempt("first")), providers=1)
    assert "first is asked: POST /v1/chat/completions -> 403, complete" in said
    assert "second is asked" not in said
    assert f"the router answered: 403 application/json\n{BANNED}" in said
    assert "recorded before: outcome error, status 403" in said


def test_the_script_shows_a_router_that_rescues_the_call(tmp_path: Path):
    """The other provider answers well, in the vendor's own form."""
    said = through_stub(tmp_path, told(attempt("first")))
    assert "second is asked: POST /v1/chat/completions -> 200, complete" in said
    assert "the router answered: 200 application/json" in said
    assert "Hello from another provider." in said


def test_the_script_answers_well_where_the_provider_did(tmp_path: Path):
    """A provider that was asked again and was well by then: the ledger has no body of that, and it was none."""
    what = told(attempt("first"), attempt("first", status=200, fault=None, evidence=None))
    assert [403, None] == [each and each["status"] for each in what["providers"][0]["replies"]]
    port, other = pick_port(), pick_port()
    urls = [f"http://127.0.0.1:{port}/v1"] * 2  # the router's second provider is its first, once more
    router_port = pick_port()
    with running(sys.executable, str(STUB), str(router_port), "good", *urls, port=router_port):
        said = reproduce(command_export.script(what), tmp_path, router_port, [port, other])
    assert "first is asked: POST /v1/chat/completions -> 403, complete" in said
    assert "first is asked: POST /v1/chat/completions -> 200, complete" in said
    assert "Hello from another provider." in said


CUT = 'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'


def test_the_script_plays_a_stream_that_is_cut(tmp_path: Path):
    """What was sent is sent, and the connection closed without the body's end: a client sees that it broke off."""
    port, other = pick_port(), pick_port()
    what = told(attempt("first", status=200, evidence=CUT, ended_by="fault"), stream=True)
    # The provider is asked directly: what the script does is seen without a router's help.
    said = reproduce(command_export.script(what), tmp_path, port, [port, other])
    assert "first is asked: POST /v1/chat/completions -> 200, cut" in said
    assert '"content":"Hel"' in said
    assert "[the body broke off: " in said


def test_the_script_plays_a_connection_closed_without_a_word_and_a_door_that_is_shut(tmp_path: Path):
    """Neither has a status; a shut door is no listener at all."""
    port, other = pick_port(), pick_port()
    what = told(attempt("first", status=None, evidence=None, ended_by="fault"))
    said = reproduce(command_export.script(what), tmp_path, port, [port, other])
    assert "first is asked: POST /v1/chat/completions -> no status, cut" in said
    assert "no answer: " in said
    what["providers"][0]["refuses"] = True
    said = reproduce(command_export.script(what), tmp_path, port, [port, other])
    assert "first refuses connections" in said
    assert "Connection refused" in said


def test_the_script_is_one_file_of_the_standard_library():
    """It imports nothing else, and still is a program once everything is filled in."""
    text = command_export.script(told(attempt("first", evidence="'''\"\\ ` é")))
    tree = ast.parse(text)
    names = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
    assert "RECORDED: Any = {}" not in text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", "application/json"),
        (' {"a": 1}', "application/json"),
        ("data: {}\n\n", "text/event-stream"),
        ("event: ping\n", "text/event-stream"),
        ("<html>", "text/html"),
        ("upstream connect error", "text/plain"),
    ],
)
def test_a_body_tells_its_kind(body: str, kind: str):
    """The ledger keeps no headers, and those of an answer of the provider's own can't be made again."""
    assert kind == content_type(body)


def test_how_an_attempt_ended_is_how_it_is_played():
    """Whole, cut, or in silence until the router leaves; a provider that was well is not played from the record."""
    ends = {"complete": "complete", "fault": "cut", "provider": "cut", "router": "silence", "run": "silence"}
    for ended_by, wanted in ends.items():
        (reply,) = replies(Call(attempts=[attempt("first", ended_by=ended_by)]), "first")
        assert wanted == reply["end"]
    assert [] == replies(Call(attempts=[attempt("first", status=200, fault=None)]), "first")


def test_the_script_sends_the_headers_that_are_known():
    """As they were, in their order, and none besides; one that names a moment is as far from now as it was then."""
    kept = [["content-type", "application/json"], ["retry-after", "2"]]
    moments = {
        "http": lambda value: parsedate_to_datetime(value).timestamp(),
        "rfc 3339": lambda value: datetime.fromisoformat(value).timestamp(),
        "seconds": float,
        "milliseconds": lambda value: float(value) / 1000,
    }
    moved = [[f"x-{number}", "then", form, 90] for number, form in enumerate(moments)]
    reply = {"status": 429, "headers": kept + moved, "body": BANNED, "end": "complete"}
    script: dict[str, Any] = {}
    exec(command_export.script({}), script)  # noqa: S102 - it is the program that is written for people
    server = ThreadingHTTPServer(("127.0.0.1", 0), script["provider"]({"name": "first", "replies": [reply]}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        asked = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=WAIT_S)
        before_s = time.time()
        asked.request("POST", "/v1/messages", b"{}")
        answer = asked.getresponse()
        assert BANNED == answer.read().decode()
        read = [[name.lower(), value] for name, value in answer.getheaders()]
        asked.close()
    finally:
        server.shutdown()
        server.server_close()
    assert [*kept, *([each[0], dict(read)[each[0]]] for each in moved)] == read[:-2]
    assert ["transfer-encoding", "connection"] == [name for name, _ in read[-2:]]
    for (name, *_), when in zip(moved, moments.values(), strict=True):
        assert before_s + 89 <= when(dict(read)[name]) <= time.time() + 91


def test_the_report_says_for_each_provider_what_is_known_of_its_headers():
    """All of them, or which are missing, by name where the vendor's words tell it."""
    call = Call(attempts=[attempt("first", attempt="a-1"), attempt("second", attempt="a-2")])
    call.headers["a-1"] = Sent([["retry-after", "2"], ["x-reset", "then", "http", 9]], whole=True)
    call.headers["a-2"] = Sent([["content-type", "text/plain"]], unknown=["retry-after", "x-left"])
    first, second = command_export.known(call).splitlines()
    assert "The headers of first are all that it sent" in first
    assert "those that name a moment are moved" in first
    assert "Of the headers of second only content-type is replayed; it sent retry-after, x-left as well" in second
    assert "the others were not recorded" in command_export.known(Call(attempts=[attempt("first", evidence="\ufffd")]))
    assert "not all text" in command_export.known(Call(attempts=[attempt("first", evidence="\ufffd")]))
    assert "" == command_export.known(Call(attempts=[attempt("first", status=None)]))


def test_the_words_of_an_answer_are_explained_where_one_is_shown():
    """They are ours, and a stranger's first question."""
    refused = Call(call={"evidence": None}, attempts=[attempt("first")])
    assert "" == command_export.legend(refused)
    refused.attempts.append(attempt("second", evidence='{"content":"~7f3a9c.1.second.1.24.9b1c"}'))
    assert "checksum" in command_export.legend(refused)


def test_what_is_missing_is_said(tmp_path: Path):
    """No run, no report: three lines, no traceback."""
    for prepare, text in (
        (lambda: None, "not a run's folder"),
        (lambda: (tmp_path / "run.json").write_text("{"), "JSON"),
    ):
        prepare()
        done = CliRunner().invoke(banstorm, ["export-issue", str(tmp_path)])
        assert isinstance(done.exception, HarnessError)
        assert text in str(done.exception)


SCENARIO = """\
version: 1
title: A ban in words
story: The first provider is disabled.
source: made for this test
seed: 11
providers:
  anthropic: {dialect: anthropic, model: claude-sonnet-5, ttft: 20ms, tokens_per_second: 400}
  openai: {dialect: openai, model: gpt-5.4-mini, ttft: 20ms, tokens_per_second: 400}
load: {rate: 10/s, callers: 5, warmup: 500ms, duration: 3s, answer: 8 tokens, deadline: 4s, stream: 50%}
timeline:
  - {at: 1s, until: 2s, on: anthropic, fault: org_disabled}
expect: {lost_calls: 0}
"""


@pytest.mark.lab
@pytest.mark.alone
def test_a_run_becomes_a_report_whose_script_works_with_the_router_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The reference router, started by hand with the configuration in the report, rescues the recorded call."""
    path = tmp_path / "ban.yaml"
    path.write_text(SCENARIO)
    words = [sys.executable, "-P", "-m", "banstorm.harness.cli"]
    out = ["--out", str(tmp_path / "runs"), "--no-charts"]
    subprocess.run([*words, "run", str(path), *out], check=False, capture_output=True, timeout=120)
    (folder,) = (tmp_path / "runs").iterdir()
    rows = [json.loads(line) for line in (folder / "ledger" / "injector.ndjson").read_text().splitlines()]
    call = next(each["call"] for each in rows if each["table"] == "attempts" and each["fault"])
    done = subprocess.run(
        [*words, "export-issue", str(folder), "--call", str(call)], check=False, capture_output=True, text=True
    )
    assert 0 == done.returncode, done.stderr
    report = (folder / "issue" / "issue.md").read_text()
    for part in (
        "This organization has been disabled.",
        "\nrequest-id: req_",
        "are all that it sent",
        "http://127.0.0.1:9101",
        "reproduce.py",
        "`router.yaml`",
    ):
        assert part in report
    assert str(folder.resolve()) not in report
    port, *ports = pick_port(), pick_port(), pick_port()
    config = yaml.safe_load(report.partition("`router.yaml`:\n\n```text\n")[2].partition("\n```")[0])
    config["listen"]["port"] = port
    for each, provider in zip(config["providers"], ports, strict=True):
        each["base_url"] = f"http://127.0.0.1:{provider}" + ("" if each["dialect"] == "anthropic" else "/v1")
        monkeypatch.setenv(each["api_key_env"], "made-up")
    (tmp_path / "router.yaml").write_text(yaml.safe_dump(config))
    start = [sys.executable, "-P", "-m", "banstorm.router", "--config", str(tmp_path / "router.yaml")]
    with running(*start, port=port):
        said = reproduce((folder / "issue" / "reproduce.py").read_text(), tmp_path, port, ports)
    assert "anthropic (anthropic) is asked: POST /v1/messages -> 400, complete" in said
    assert "openai (openai) is asked: POST /v1/chat/completions -> 200, complete" in said
    assert "the router answered: 200 " in said
