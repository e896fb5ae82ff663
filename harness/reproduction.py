"""Sends one request through a router while its providers answer as they were recorded, and prints what came back.

Needs Python 3.9 or later and nothing else. It listens on loopback only, in place of the providers:

    python3 reproduce.py                                  # says where, sends the request, prints what happened
    ROUTER_URL=http://127.0.0.1:4000/v1 python3 reproduce.py
    PROVIDER_PORTS=9201,9202 python3 reproduce.py         # in the order of the list it prints

Start the router first, with those addresses as its providers' base URLs. ROUTER_API_KEY is sent as its key.
"""

import json
import os
import select
import sys
import threading
import time
import urllib.error
import urllib.request
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RECORDED: Any = {}
"""What was recorded: filled in when this file is written."""
SILENCE_S = 60.0
"""Seconds that a provider says nothing where it was recorded to say nothing."""
ANSWER_S_MAX = 90.0
"""Seconds to wait for the router."""
SHOWN_CHARS_MAX = 4000
BEGAN = time.monotonic()


def say(text: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def moment() -> str:
    """Seconds since the start."""
    return f"{time.monotonic() - BEGAN:6.2f} s"


def soon(form: str, ahead_s: float) -> str:
    """A moment so many seconds from now, in the form in which it was recorded."""
    at = time.time() + ahead_s
    if form == "http":
        return formatdate(at, usegmt=True)
    if form == "rfc 3339":
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    return str(round(at * (1000 if form == "milliseconds" else 1)))


def provider(told: Any) -> type[BaseHTTPRequestHandler]:
    """The handler of one provider."""
    asked: list[str] = []

    class Provider(BaseHTTPRequestHandler):
        """Answers with what was recorded, in order, the last one again and again."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """One request."""
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            streams = "stream" in self.path.lower() or json.loads(body or b"{}").get("stream") is True
            replies = told["replies"]
            asked.append(self.path)
            # None: as one that is well answers
            reply = (replies[min(len(asked), len(replies)) - 1] if replies else None) or told["well"][int(streams)]
            status = reply["status"] or "no status"
            say(f"{moment()}  {told['name']} is asked: POST {self.path} -> {status}, {reply['end']}")
            self.close_connection = True
            if reply["status"]:
                self.head(reply)
                self.chunk(reply["body"].encode("latin-1"))
            if reply["end"] == "silence":
                select.select([self.connection], [], [], SILENCE_S)  # until the router leaves
            elif reply["end"] == "complete":
                self.chunk(b"")

        def head(self, reply: Any) -> None:
            """Status and headers."""
            self.send_response_only(reply["status"])
            for header in reply["headers"]:
                self.send_header(header[0], header[1] if len(header) == 2 else soon(header[2], header[3]))
            self.send_header("transfer-encoding", "chunked")
            self.send_header("connection", "close")
            self.end_headers()

        def chunk(self, data: bytes) -> None:
            """A part of the body; an empty one is its end."""
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Provider


def ask(request: Any) -> str:
    """Send the one request; what came back, in words."""
    url = os.environ.get("ROUTER_URL", request["router"]).rstrip("/") + request["path"]
    headers = dict(request["headers"])
    if key := os.environ.get("ROUTER_API_KEY"):
        headers[request["key"][0]] = request["key"][1] + key
    wanted = urllib.request.Request(url, json.dumps(request["body"]).encode(), headers)  # noqa: S310 - as the user says
    say(f"{moment()}  the router is asked: POST {url}")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(wanted, timeout=ANSWER_S_MAX) as answer:
            return f"{answer.status} {answer.headers.get('content-type')}\n{text(answer)}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.headers.get('content-type')}\n{text(error)}"
    except OSError as error:
        return f"no answer: {error}"


def text(answer: Any) -> str:
    """The body, as far as it came."""
    parts = []
    try:
        while data := answer.read1(65536):
            parts.append(data)
    except Exception as error:  # noqa: BLE001 - a body that breaks off is what may be shown here
        parts.append(f"\n[the body broke off: {type(error).__name__}: {error}]".encode())
    return b"".join(parts).decode("utf-8", "replace")[:SHOWN_CHARS_MAX]


def main() -> None:
    """Stand in for the providers, ask, print."""
    ports = [int(each) for each in os.environ.get("PROVIDER_PORTS", "").split(",") if each]
    for number, told in enumerate(RECORDED["providers"]):
        port = ports[number] if ports else told["port"]
        if told["refuses"]:
            say(f"{told['name']} refuses connections at http://127.0.0.1:{port}{told['base_path']}")
            continue
        server = ThreadingHTTPServer(("127.0.0.1", port), provider(told))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        how = "as recorded" if told["replies"] else "well"
        say(f"{told['name']} answers {how} at http://127.0.0.1:{port}{told['base_path']}")
    say()
    came = ask(RECORDED["request"])
    say(f"{moment()}  the router answered: {came}")
    say()
    say(f"recorded before: {RECORDED['found']}")


if __name__ == "__main__":
    main()
