"""The official SDKs under Node that believe to call the vendors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from banstorm.fakes.answer import Mark, Shape, expected
from banstorm.harness import intercept_environment

pytestmark = pytest.mark.lab

RUN = "7f3a9c"
INSTALLED = Path(__file__).parents[4] / "build" / "node"
NODE = shutil.which("node")


@pytest.fixture(scope="module")
def node():
    """Node with its SDKs: the printed environment is all that it needs, whichever it is."""
    ready = NODE is not None and (INSTALLED / "node_modules" / "openai").is_dir()
    if not ready and not os.environ.get("BANSTORM_CI"):
        pytest.skip("needs node and its SDKs: scripts/install-node-packages.sh installs them")
    assert ready, "node or its SDKs are missing: scripts/install-node-packages.sh installs them"
    return NODE


def _call(front, node, call, **changed):
    environment = {**front.variables, "PROMPT": f"say {Mark(RUN, call, Shape.TEXT, 12).render()}", **changed}
    return subprocess.run(
        [node, str(INSTALLED / "call.mjs")],
        env={name: value for name, value in environment.items() if value},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_sdks_of_node_reach_the_fakes_under_the_vendors_names(intercept, scenario_of, node):
    """Both SDKs get the fakes' words, plainly and streamed, and a host of nobody's is refused."""
    front = intercept(scenario_of())
    done = _call(front, node, 5)
    assert 0 == done.returncode, done.stderr
    mark = Mark(RUN, 5, Shape.TEXT, 12)
    said = {name: dict.fromkeys(("plain", "stream"), expected(mark, name)) for name in ("openai", "anthropic")}
    assert {**said, "stray": "refused"} == json.loads(done.stdout)
    assert "refused" in front.warned("telemetry.example.com")
    front.stop()


def test_a_node_that_does_not_trust_the_authority_is_told_of(intercept, scenario_of, node):
    """Without NODE_EXTRA_CA_CERTS the SDK fails, and the run says why, though Node itself sends no word of it."""
    front = intercept(scenario_of())
    done = _call(front, node, 6, NODE_EXTRA_CA_CERTS="")
    assert 0 != done.returncode
    assert "api.openai.com" in front.warned("trust")
    front.stop()


FETCH = """
const [own, stray] = process.argv.slice(1);
const told = async (url) => {
  try {
    const answer = await fetch(url);
    return `${answer.status} ${await answer.text()}`;
  } catch (error) {
    return String(error.cause?.message ?? error);
  }
};
console.log(JSON.stringify([await told(own), await told(stray)]));
"""


@pytest.fixture
def neighbour():
    """A server of this machine's own, past the proxy."""

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_node_calls_its_neighbours_past_the_proxy_and_nobody_elses_hosts(intercept, scenario_of, node, neighbour):
    """NO_PROXY holds; a refused tunnel is an error that says so."""
    front = intercept(scenario_of())
    words = [node, "--input-type=module", "-e", FETCH, neighbour, "https://telemetry.example.com/"]
    done = subprocess.run(words, env=front.variables, check=False, capture_output=True, text=True, timeout=60)
    assert 0 == done.returncode, done.stderr
    own, stray = json.loads(done.stdout)
    assert "200 hello" == own
    assert "403" in stray or "refused" in stray.lower()
    assert "refused" in front.warned("telemetry.example.com")
    front.stop()


def test_the_users_own_options_of_node_are_kept(node, monkeypatch, tmp_path):
    """Ours come after them, once, wherever banstorm lies."""
    script = tmp_path / 'a folder with "quotes"' / "first.cjs"
    script.parent.mkdir()
    script.write_text("globalThis.loaded = true;")
    monkeypatch.setattr(intercept_environment, "NODE_OBEYS", script)
    monkeypatch.setenv("NODE_OPTIONS", "--no-warnings")
    options = intercept_environment.node_options()
    assert options.startswith("--no-warnings --require ")
    done = subprocess.run(
        [node, "-p", "globalThis.loaded"], env={"NODE_OPTIONS": options}, check=False, capture_output=True, text=True
    )
    assert "true\n" == done.stdout, done.stderr
    monkeypatch.delenv("NODE_OPTIONS")
    assert intercept_environment.node_options().startswith("--require ")
