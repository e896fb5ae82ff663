"""A router in a few lines, to be judged: asks its first provider, then its second. Behaves badly when asked to."""

import os
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, mode, *urls = sys.argv[1:]
calls = 0


def say(what):
    """Write a line to the log."""
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


class Router(BaseHTTPRequestHandler):
    """Passes a chat completion on."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Its health."""
        self.answer(200 if mode != "unwell" else 503, b"ok", "text/plain")

    def do_POST(self):
        """A call."""
        global calls  # noqa: PLW0603 - thirty lines
        body = self.rfile.read(int(self.headers["content-length"]))
        calls += 1
        if mode == "dies" and calls > 30:
            say("out of luck")
            os._exit(7)
        if mode == "leaks" and calls == 1:
            try:
                urllib.request.urlopen("http://telemetry.example/collect", timeout=5)
            except OSError as error:
                say(error)
        if mode == "500" or (mode == "breaks" and calls > 30):
            self.answer(500, b'{"error": {"message": "no", "type": "broken"}}', "application/json")
            return
        for url in urls:
            request = urllib.request.Request(  # noqa: S310 - the lab's own addresses
                url + "/chat/completions", body, {"content-type": "application/json", "authorization": "Bearer sk-x"}
            )
            try:
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as found:
                    self.answer(found.status, found.read(), found.headers["content-type"])
                    return
            except urllib.error.HTTPError as error:
                last = error.code, error.read()
        self.answer(*last, "application/json")

    def answer(self, status, body, kind):
        """A whole answer."""
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


if mode == "never":
    say("waiting for a database that is not there")
    while True:
        sys.stdin.buffer.read()
        __import__("time").sleep(60)
ThreadingHTTPServer.request_queue_size = 256
ThreadingHTTPServer(("127.0.0.1", int(port)), Router).serve_forever()
