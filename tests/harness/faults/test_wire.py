"""How connections end, seen from a raw socket: by FIN or by RST, after which bytes, or not at all."""

from __future__ import annotations

import errno
import re
import socket
from typing import Any

import pytest

from .streams import WORDS

HOSTS = [pytest.param("mitmproxy", marks=pytest.mark.lab), "inline"]
HUNG_S = 1.0
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "reset-before": ("connection_reset", {}),
    "close-before": ("connection_reset", {"how": "close"}),
    "reset-late": ("connection_reset", {"delay": "100ms"}),
    "reset-headers": ("reset_mid_body", {"after": "headers"}),
    "reset-tokens": ("reset_mid_body", {"after": "3 tokens"}),
    "reset-bytes": ("reset_mid_body", {"after": "100 bytes"}),
    "reset-end": ("reset_mid_body", {"after": "end"}),
    "close-headers": ("reset_mid_body", {"after": "headers", "how": "close"}),
    "close-tokens": ("reset_mid_body", {"after": "3 tokens", "how": "close"}),
    "close-bytes": ("reset_mid_body", {"after": "100 bytes", "how": "close"}),
    "close-end": ("reset_mid_body", {"after": "end", "how": "close"}),
    "hang": ("hang_after_headers", {}),
    "stall-tokens": ("stream_stall", {"after": "3 tokens"}),
    "stall-content": ("stream_stall", {"after": "content"}),
    "stall-end": ("stream_stall", {"after": "end"}),
    "pings": ("trickle", {"every": "50ms"}),
    "pings-tokens": ("trickle", {"every": "50ms", "after": "3 tokens"}),
    "bytes": ("trickle", {"what": "bytes", "every": "1ms", "pieces": 40}),
    "error": ("error_event", {"after": "3 tokens"}),
    "slow": ("slow_tokens", {"every": "20ms"}),
    "empty": ("empty_200", {}),
}
"""By model: what is played on requests for it."""


@pytest.fixture(scope="module", params=HOSTS)
def host(request, long_stage, scenario_of):
    """A host that plays each case on its model, on a pace without waits."""
    timeline = [
        {"at": "0s", "on": ["openai", "anthropic"], "fault": fault, "with": parameters, "model": model}
        for model, (fault, parameters) in CASES.items()
    ]
    host = long_stage.host(request.param, scenario_of(timeline, tokens_per_second=100_000))
    yield host
    host.stop()


def watch(connection: socket.socket, until: bytes | None = None) -> tuple[bytes, str]:
    """All that comes, and how it ends: FIN, an errno's name, "hung", or "seen" once `until` has come."""
    data = b""
    try:
        while part := connection.recv(65536):
            data += part
            if until is not None and until in data:
                return data, "seen"
    except TimeoutError:
        return data, "hung"
    except OSError as error:
        return data, errno.errorcode[error.errno or 0]
    return data, "FIN"


def ask(host, request_of, model, *, stream, until=None, call=None):
    """One request on a connection of its own: the body's bytes, unchunked, and how the connection ended."""
    call = call or list(CASES).index(model) * 2 + stream
    with host.connect("openai", HUNG_S) as connection:
        connection.send(request_of("openai", call, stream=stream, words=WORDS, model=model))
        data, end = watch(connection.socket, until)
    head, _, body = data.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        body = b"".join(re.split(rb"(?:^|\r\n)[0-9a-f]+\r\n", body)[1:])
    return head, body, end


def row_of(host, model, *, stream):
    """The attempt's row."""
    return host.child.wait_for_row("attempts", lambda row: (row["model"], row["stream"]) == (model, stream))


@pytest.mark.parametrize("model", ["reset-before", "reset-late"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_before_any_byte(host, request_of, model, stream):
    """The caller meets ECONNRESET and has got no byte; the provider never heard of the request."""
    assert (b"", b"", "ECONNRESET") == ask(host, request_of, model, stream=stream)
    row = row_of(host, model, stream=stream)
    assert ("fault", False, None, 0) == (row["ended_by"], row["reached"], row["status"], row["delivered_tokens"])


def test_a_close_before_any_byte(host, request_of):
    """The caller meets an end of file and has got no byte."""
    assert (b"", b"", "FIN") == ask(host, request_of, "close-before", stream=False)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("place", ["headers", "tokens", "bytes", "end"])
@pytest.mark.parametrize(("how", "end"), [("reset", "ECONNRESET"), ("close", "FIN")])
def test_breaks_in_a_body(host, request_of, how, end, place, stream):
    """What was sent before a break arrives whole, and the break is the one asked for."""
    head, body, found = ask(host, request_of, f"{how}-{place}", stream=stream)
    assert end == found
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert {"headers": 0, "tokens": 3, "bytes": 0, "end": WORDS}[place] == body.count(b"~")
    assert place != "headers" or body == b""
    assert place != "bytes" or len(body.rstrip(b"\r\n")) == 100
    row = row_of(host, f"{how}-{place}", stream=stream)
    assert ("fault", True, 200, body.count(b"~")) == (
        row["ended_by"],
        row["reached"],
        row["status"],
        row["delivered_tokens"],
    )


@pytest.mark.parametrize(
    ("model", "stream", "tokens"),
    [
        ("hang", False, 0),
        ("hang", True, 0),
        ("stall-tokens", True, 3),
        ("stall-content", True, WORDS),
        ("stall-end", True, WORDS),
    ],
)
def test_silence(host, request_of, model, stream, tokens):
    """The head comes, what lies before the place, and then nothing, the connection open until the caller leaves."""
    head, body, end = ask(host, request_of, model, stream=stream)
    assert "hung" == end
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert tokens == body.count(b"~")
    assert (model == "stall-end") == (b"[DONE]" in body)
    row = row_of(host, model, stream=stream)
    assert ("router", True, tokens) == (row["ended_by"], row["reached"], row["delivered_tokens"])
    invoice = host.fakes.wait_for_row("invoices", lambda each: each["attempt"] == row["attempt"])
    assert (WORDS, True) == (invoice["produced_tokens"], invoice["completed"])


@pytest.mark.parametrize(
    ("model", "stream", "beat"),
    [("pings", True, b": ping\n\n"), ("pings-tokens", True, b": ping\n\n"), ("pings", False, b"\n")],
)
def test_pings(host, request_of, model, stream, beat):
    """Pings come on and on, and nothing else."""
    with host.connect("openai") as connection:
        connection.send(request_of("openai", 900 + stream, stream=stream, words=WORDS, model=model))
        data = b""
        chunk = b"%x\r\n%b\r\n" % (len(beat), beat)
        while data.count(chunk) < 3:
            data += connection.socket.recv(65536)
    assert data.rstrip().endswith(beat.strip())
    assert (3 if model == "pings-tokens" else 0) == data.count(b"~")


@pytest.mark.parametrize("stream", [False, True])
def test_trickled_bytes_leave_the_connection_usable(host, request_of, stream):
    """An answer that comes piece by piece is whole, and the next request goes over the same connection."""
    with host.connect("openai") as connection:
        for call in (1000 + stream, 1010 + stream):
            got = connection.ask(request_of("openai", call, stream=stream, words=WORDS, model="bytes"))
            assert "complete" == got.ended
            assert WORDS == got.body.count(b"~")
    assert "complete" == row_of(host, "bytes", stream=stream)["ended_by"]


@pytest.mark.parametrize("stream", [False, True])
def test_slow_tokens_take_their_time(host, request_of, stream):
    """No answer is whole before its words have waited."""
    with host.connect("openai") as connection:
        got = connection.ask(request_of("openai", 1020 + stream, stream=stream, words=WORDS, model="slow"))
    assert "complete" == got.ended
    assert WORDS == got.body.count(b"~")
    assert got.last_byte_s >= WORDS * 0.02


@pytest.mark.parametrize(("model", "tokens"), [("error", 3), ("empty", 0)])
def test_a_stream_that_is_ended_early_ends_properly(host, request_of, model, tokens):
    """The response is complete for any HTTP client, and the provider stops producing."""
    with host.connect("openai") as connection:
        got = connection.ask(request_of("openai", 1030, stream=True, words=500, model=model))
    assert "complete" == got.ended
    assert tokens == got.body.count(b"~")
    row = row_of(host, model, stream=True)
    assert ("complete", True, tokens) == (row["ended_by"], row["reached"], row["delivered_tokens"])


def test_an_empty_plain_answer(host, request_of):
    """Status 200, a length of nothing, and the connection goes on."""
    with host.connect("openai") as connection:
        for call in (1040, 1041):
            got = connection.ask(request_of("openai", call, stream=False, words=WORDS, model="empty"))
            assert (200, b"", "0") == (got.status, got.body, got.header("content-length"))


@pytest.mark.parametrize("model", ["reset-tokens", "close-tokens", "error", "stall-tokens"])
def test_others_go_on_meanwhile(host, request_of, model):
    """What ends one answer leaves others alone."""
    with host.connect("openai", HUNG_S) as spoilt, host.connect("openai") as other:
        spoilt.send(request_of("openai", 1050, stream=True, words=WORDS, model=model))
        assert "complete" == other.ask(request_of("openai", 1051, stream=True, words=WORDS, model="m")).ended
        watch(spoilt.socket)
