"""Requests that share an HTTP/2 connection: what ends one of them leaves the others alone."""

from __future__ import annotations

import json

import h2.config
import h2.connection
import h2.events
import pytest

pytestmark = pytest.mark.lab


class Http2:
    """A client by hand, which does what no library would."""

    def __init__(self, connection, host):
        assert connection.selected_alpn_protocol() == "h2"
        self._socket = connection
        self._host = host
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._h2.initiate_connection()
        self.body: dict[int, bytes] = {}
        self.status: dict[int, int] = {}
        self.ended: dict[int, str] = {}

    def ask(self, request):
        """Send a request of HTTP/1.1's form; gives its stream's number."""
        head, _, body = request.partition(b"\r\n\r\n")
        line, *rest = head.decode().split("\r\n")
        method, path, _ = line.split()
        headers = [(":method", method), (":scheme", "https"), (":authority", self._host), (":path", path)]
        headers += [tuple(each.split(": ", 1)) for each in rest if not each.startswith(("host:", "content-length:"))]
        number = self._h2.get_next_available_stream_id()
        self.body[number] = b""
        self._h2.send_headers(number, headers)
        self._h2.send_data(number, body, end_stream=True)
        self._flush()
        return number

    def cancel(self, number):
        """Give a request up."""
        self._h2.reset_stream(number, error_code=8)
        self._flush()

    def until(self, found):
        """Read until `found()` is true."""
        while not found():
            data = self._socket.recv(65536)
            assert data, "the connection was closed"
            for event in self._h2.receive_data(data):
                match event:
                    case h2.events.ResponseReceived():
                        self.status[event.stream_id] = int(dict(event.headers)[":status"])
                    case h2.events.DataReceived():
                        self.body[event.stream_id] += event.data
                        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    case h2.events.StreamEnded():
                        self.ended[event.stream_id] = "complete"
                    case h2.events.StreamReset():
                        self.ended[event.stream_id] = f"reset {event.error_code}"
                    case h2.events.ConnectionTerminated():
                        raise AssertionError("the connection was ended")
            self._flush()

    def _flush(self):
        self._socket.sendall(self._h2.data_to_send())


@pytest.fixture
def http2(intercept, scenario_of):
    """A proxy with these faults on the model of their name, and a connection to its OpenAI."""
    opened = []

    def make(*faults):
        timeline = [
            {"at": "0s", "on": "openai", "fault": name, "with": parameters, "model": name}
            for name, parameters in faults
        ]
        front = intercept(scenario_of(timeline, tokens_per_second=200))
        opened.append(front.tunnel("api.openai.com", ["h2", "http/1.1"]))
        return front, Http2(opened[-1], "api.openai.com")

    yield make
    for connection in opened:
        connection.close()


def test_a_stream_that_is_cut_leaves_its_neighbours_alone(http2, request_of):
    """Of three streams that are under way at once the faulted ones end by RST_STREAM, and the third comes whole."""
    front, router = http2(("stream_cut", {"after": "5 tokens"}), ("reset_mid_body", {}))
    whole = router.ask(request_of("openai", 1, stream=True, words=60))
    cut = router.ask(request_of("openai", 2, stream=True, words=60, model="stream_cut"))
    torn = router.ask(request_of("openai", 3, stream=True, words=60, model="reset_mid_body"))
    router.until(lambda: len(router.ended) == 3)
    assert {whole: "complete", cut: "reset 2", torn: "reset 2"} == router.ended
    assert 60 == router.body[whole].count(b"~")
    assert 5 == router.body[cut].count(b"~")
    again = router.ask(request_of("openai", 4, stream=False))
    router.until(lambda: again in router.ended)
    assert json.loads(router.body[again])["object"] == "chat.completion"
    rows = {
        call: front.child.wait_for_row("attempts", lambda row, call=call: row["call"] == call) for call in (1, 2, 3)
    }
    assert ["complete", "fault", "fault"] == [rows[call]["ended_by"] for call in (1, 2, 3)]
    bill = front.fakes.wait_for_row("invoices", lambda row: row["attempt"] == rows[2]["attempt"])
    assert not bill["completed"]  # the fake has noticed that nobody reads on
    front.stop()


@pytest.mark.parametrize(
    ("fault", "parameters", "stream"),
    [
        ("hang", {}, False),
        ("slow_first_token", {"delay": "1m"}, False),
        ("stream_stall", {"after": "2 tokens"}, True),
        ("slow_tokens", {"every": "30s"}, True),
    ],
)
def test_a_request_that_is_given_up_is_let_go_of(http2, request_of, fault, parameters, stream):
    """The router cancels one request that is held back: it is written down at once, the connection goes on."""
    front, router = http2((fault, parameters))
    held = router.ask(request_of("openai", 1, stream=stream, model=fault))
    passed = router.ask(request_of("openai", 2, stream=False))
    router.until(lambda: passed in router.ended and (not stream or held in router.status))
    router.cancel(held)
    row = front.child.wait_for_row("attempts", lambda row: row["call"] == 1)
    assert ("router", f"0:{fault}") == (row["ended_by"], row["fault"])
    again = router.ask(request_of("openai", 3, stream=False))
    router.until(lambda: again in router.ended)
    assert 200 == router.status[again]
    front.stop()


def test_a_stream_that_the_router_cancels_ends_at_the_provider_too(http2, request_of):
    """Without any fault a cancelled stream is the router's doing, and the provider stops producing."""
    front, router = http2()
    number = router.ask(request_of("openai", 1, stream=True, words=2000))
    router.until(lambda: router.body[number].count(b"~") >= 3)
    router.cancel(number)
    row = front.child.wait_for_row("attempts", lambda row: row["call"] == 1)
    assert ("router", 200, True) == (row["ended_by"], row["status"], row["reached"])
    bill = front.fakes.wait_for_row("invoices", lambda row: True)
    assert bill["produced_tokens"] < 2000
    assert not bill["completed"]
    front.stop()


def test_what_http2_forbids_never_reaches_the_router(http2, request_of):
    """Headers of one connection alone, as a fault's chunking brings them, are left out."""
    front, router = http2(("slow_tokens", {"every": "1ms"}))
    number = router.ask(request_of("openai", 1, stream=True, model="slow_tokens"))
    router.until(lambda: number in router.ended)  # h2 refuses a response with such headers
    assert "complete" == router.ended[number]
    front.stop()
