"""`banstorm ban` and `banstorm unban` against a running control API, and their words when there is none."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from banstorm.harness.cli import banstorm
from click.testing import CliRunner, Result

PROBLEM = {
    "type": "urn:banstorm:invalid",
    "title": "the request makes no sense",
    "status": 422,
    "detail": "this vendor has no failure 'org_disable': did you mean 'org_disabled'?",
}


class Api:
    """A control API that notes what it is asked, and answers what a test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None, Any]] = []
        self.says: tuple[int, bytes] = (200, b"{}")
        api = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                token = self.headers.get("authorization")
                api.asked.append((self.command, self.path, token, json.loads(raw) if raw else None))
                self.send_response(api.says[0])
                self.send_header("content-length", str(len(api.says[1])))
                self.end_headers()
                self.wfile.write(api.says[1])

            do_GET = do_PUT = do_DELETE = _answer  # noqa: N815 - the server calls them so

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def api() -> Iterator[Api]:
    """A control API that takes everything."""
    api = Api()
    thread = threading.Thread(target=api.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield api
    api.server.shutdown()
    thread.join()
    api.server.server_close()


def _run(*words: str, url: str, token: str = "t") -> Result:  # noqa: S107 - of a test
    variables = {"BANSTORM_CONTROL_URL": url, "BANSTORM_CONTROL_TOKEN": token, "http_proxy": "http://127.0.0.1:9"}
    return CliRunner().invoke(banstorm, words, env=variables)


CALLS: list[tuple[list[str], str, Any]] = [
    (["ban", "openai", "org_disabled"], "PUT", {"state": "org_disabled"}),
    (
        ["ban", "openai", "bad_key", "--key", "sk-x", "--for", "30s", "--in", "500ms"],
        "PUT",
        {"state": "bad_key", "key": "sk-x", "for_s": 30, "in_s": 0.5},
    ),
    (["ban", "openai", "bad_key", "--organisation", "acme"], "PUT", {"state": "bad_key", "organisation": "acme"}),
    (["ban", "openai", "bad_key", "--project", "web"], "PUT", {"state": "bad_key", "project": "web"}),
    (["ban", "openai", "region_blocked", "--region", "XX"], "PUT", {"state": "region_blocked", "region": "XX"}),
    (["unban", "openai"], "DELETE", None),
]


@pytest.mark.parametrize(("words", "method", "body"), CALLS)
def test_a_ban_is_a_call_to_the_control_api(api, words, method, body) -> None:
    """What is asked for goes to the address in the environment, with the token, and a line says what was done."""
    result = _run(*words, url=api.url + "/")
    assert (result.exit_code, result.exception) == (0, None)
    assert api.asked == [(method, "/v1/providers/openai/standing", "Bearer t", body)]
    assert result.output.startswith("openai: ")
    assert len(result.output.splitlines()) == 1


def test_without_a_kind_every_failure_is_told(api) -> None:
    """One a line, for a loop of a shell; a provider that isn't there is told with those that are."""
    api.says = (200, json.dumps({"openai": {"failures": ["bad_key", "org_disabled"]}, "parcels": {}}).encode())
    assert _run("ban", "openai", url=api.url).output == "bad_key\norg_disabled\n"
    assert api.asked == [("GET", "/v1/providers", "Bearer t", None)]
    error: Any = _run("ban", "opnai", url=api.url).exception
    assert (error.what, error.advice) == ("there is no provider 'opnai'", "there are openai, parcels")


def test_a_provider_cannot_leave_its_path(api) -> None:
    """A name with a slash or a question mark is a name."""
    _run("unban", "../x?", url=api.url)
    assert api.asked[0][1] == "/v1/providers/..%2Fx%3F/standing"


REFUSED: list[tuple[tuple[int, bytes], str, str]] = [
    ((422, json.dumps(PROBLEM).encode()), "this vendor has no failure 'org_disable'", "did you mean 'org_disabled'?"),
    ((404, json.dumps({**PROBLEM, "type": "x", "title": "none", "detail": "a: b"}).encode()), "none", "a: b"),
    (
        (401, json.dumps({**PROBLEM, "type": "urn:banstorm:unauthorized"}).encode()),
        "the token isn't this control API's",
        "BANSTORM_CONTROL_TOKEN has it",
    ),
    ((404, b"<html>"), "it answers with status 404", "BANSTORM_CONTROL_URL"),
    ((500, b"[]"), "it answers with status 500", "BANSTORM_CONTROL_URL"),
]


@pytest.mark.parametrize(("says", "what", "advice"), REFUSED)
def test_a_refusal_is_told_in_three_lines(api, says, what, advice) -> None:
    """The problem's words become what, where and what next."""
    api.says = says
    error: Any = _run("ban", "openai", "org_disable", url=api.url).exception
    assert (error.what, error.where) == (what, f"{api.url}/v1/providers/openai/standing")
    assert advice in error.advice
    assert len(str(error).splitlines()) == 3


NOWHERE: list[tuple[dict[str, str], str]] = [
    ({"url": ""}, "BANSTORM_CONTROL_URL is not set"),
    ({"url": "http://127.0.0.1:1", "token": ""}, "BANSTORM_CONTROL_TOKEN is not set"),
    ({"url": "http://example.com"}, "no control API on this machine"),
    ({"url": "https://127.0.0.1"}, "no control API on this machine"),
    ({"url": "http://[127.0.0.1"}, "no control API on this machine"),
    ({"url": "http://127.0.0.1:port"}, "no control API on this machine"),
    ({"url": "http://127.0.0.1:1", "token": "a\nb"}, "the token has a line end"),
    ({"url": "file:///etc/passwd"}, "no control API on this machine"),
    ({"url": "http://127.0.0.1:1"}, "the control API doesn't answer"),
]


@pytest.mark.parametrize(("where", "what"), NOWHERE)
def test_only_this_machine_is_called(where, what) -> None:
    """Without an address, a token, or an answer, and for an address elsewhere, it says what to do."""
    error: Any = _run("unban", "openai", **where).exception
    assert what in error.what
    assert "serve" in error.advice


def test_a_token_may_have_any_letters(api) -> None:
    """`serve` takes whatever BANSTORM_CONTROL_TOKEN says, and so does `ban`: as UTF-8."""
    assert _run("unban", "openai", url=api.url, token="schlüssel-€").exit_code == 0
    [(_, _, token, _)] = api.asked
    assert "Bearer schlüssel-€" == token.encode("latin-1").decode()


def test_somebody_who_speaks_no_http_is_told_in_three_lines() -> None:
    """The port may be another program's by now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            taken, _ = listener.accept()
            with taken:
                taken.recv(65536)
                taken.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        error: Any = _run("unban", "openai", url=f"http://127.0.0.1:{listener.getsockname()[1]}").exception
        thread.join()
    assert "the control API doesn't answer" in error.what


def test_a_duration_has_a_unit(api) -> None:
    """A bare number is refused before anything is called."""
    error: Any = _run("ban", "openai", "bad_key", "--for", "30", url=api.url).exception
    assert error.where == "--for"
    assert api.asked == []
