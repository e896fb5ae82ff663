"""The line that repeats a call asks what the load generator asked, in each front, and runs as it stands."""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from banstorm.fakes.answer import Mark, Shape, find_mark
from banstorm.harness.load.front import find_front
from banstorm.reports.curl import Asked, curl

FRONTS = ["openai_chat", "anthropic_messages", "openai_responses"]
SHAPES = list(Shape)


def asked(shape: Shape, *, stream: bool, front: str) -> Asked:
    """A call of this shape."""
    return Asked(run="7f3a9c", call=12, shape=shape.value, words=24, stream=stream, front=front)


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stream", [False, True])
def test_the_body_is_the_load_generators(front: str, shape: Shape, stream: bool) -> None:  # noqa: FBT001 - a case
    """Model, limit, shape and stream are asked for as the caller did; only the filler before the mark is left out."""
    call = asked(shape, stream=stream, front=front)
    line = shlex.split(curl(call, "http://127.0.0.1:9/v1/", "model-x"))
    mark = Mark(run=call.run, call=call.call, shape=shape, words=call.words)
    spoken = find_front(front)
    sent = json.loads(spoken.writer("model-x", 1).body(mark, stream=stream))
    assert without_filler(json.loads(line[-1])) == without_filler(sent)
    assert line[2] == "http://127.0.0.1:9/v1" + spoken.path
    assert find_mark(line[-1]) == mark


def without_filler(body: dict[str, Any]) -> dict[str, Any]:
    """The body with the mark alone as the user's content."""
    told = body.get("messages") or body["input"]
    content = told[-1]["content"]
    told[-1]["content"] = content[content.index("[[banstorm.") :]
    return body


@pytest.mark.parametrize("front", FRONTS)
def test_the_headers_are_the_load_generators_and_the_key_stays_outside(front: str) -> None:
    """What a caller's headers say is said, with the key from an environment variable."""
    line = shlex.split(curl(asked(Shape.TEXT, stream=False, front=front), None, None))
    said = dict(line[at + 1].lower().split(": ", 1) for at, word in enumerate(line) if word == "-H")
    wanted = {name.lower(): value for name, value in find_front(front).headers("$ROUTER_API_KEY").items()}
    wanted.pop("accept")
    assert said == {name: value.lower() for name, value in wanted.items()}


def test_a_front_of_a_later_version_is_asked_as_chat() -> None:
    """A folder from a newer version still has a line for each call."""
    assert "/chat/completions" in curl(asked(Shape.TEXT, stream=False, front="tomorrow"), None, None)


@pytest.mark.debian
def test_the_line_runs_in_a_shell() -> None:
    """Pasted into a shell it sends the body and the key, whatever quotes the words have."""
    heard: list[tuple[str, str | None, bytes]] = []

    class Router(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append((self.path, self.headers["authorization"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Router) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        call = asked(Shape.JSON, stream=True, front="openai_chat")
        line = curl(call, f"http://127.0.0.1:{server.server_port}/v1", "it's")
        environment = {"ROUTER_API_KEY": "sk-test", "PATH": "/usr/bin:/bin"}
        subprocess.run(["/bin/sh", "-c", line], env=environment, check=True, timeout=30)
    path, key, body = heard[0]
    assert (path, key) == ("/v1/chat/completions", "Bearer sk-test")
    assert json.loads(body)["model"] == "it's"
