"""A router of the user's own, by a command or by a file: started, judged, and named when it behaves badly."""

import asyncio
import json
import os
import shlex
import shutil
import sys
from pathlib import Path

import psutil
import pytest
import whole_run
from banstorm.harness.errors import HarnessError
from banstorm.harness.targets._choice import choose
from banstorm.harness.targets._own import OF_SDKS, _answers
from banstorm.harness.targets._placeholders import fill, names_for, unknown, values_for
from banstorm.harness.targets.base import Options, ProviderAt
from banstorm.harness.tripwire import Tripwire, read_line

TINY = Path(__file__).parent / "tiny_router.py"
PROVIDERS = {
    "main": ProviderAt("openai", "m1", "http://127.0.0.1:71/v1", "sk-1"),
    "openai": ProviderAt("openai", "m2", "http://127.0.0.1:72/v1", "sk-2"),
    "far-away": ProviderAt("anthropic", "m3", "http://127.0.0.1:73", "sk-3"),
}


def tiny(mode="good"):
    """The command of a tiny router."""
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(TINY))} {{port}} {mode} {{anthropic_url}} {{openai_url}}"


def scenario(tmp_path, **times):
    """The short ban, between two providers that speak chat completions."""
    path = whole_run.scenario(tmp_path, **times)
    path.write_text(
        path.read_text()
        .replace("{dialect: anthropic, model: claude-sonnet-5", "{dialect: openai, model: gpt-5.4-mini")
        .replace("rate: 40/s", "rate: 15/s")
    )
    return path


def left_behind():
    """Tiny routers that still run."""
    return [each for each in psutil.process_iter(["cmdline"]) if str(TINY) in (each.info["cmdline"] or [])]


PLACEHOLDERS = {
    "{port}": "4321",
    "{main_url}": "http://127.0.0.1:71/v1",
    "{openai_url}": "http://127.0.0.1:72/v1",  # a name goes before a dialect
    "{openai_root}": "http://127.0.0.1:72",
    "{anthropic_url}": "http://127.0.0.1:73",
    "{far_away_key}": "sk-3",
    "{anthropic_model}": "m3",
    '{"a": {"b": 1}} {} {Port}': '{"a": {"b": 1}} {} {Port}',  # braces of other kinds stay
}


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_placeholder_stands_for_what_it_says(text):
    """By a provider's name or its dialect; hyphens are underscores."""
    assert PLACEHOLDERS[text] == fill(text, values_for(PROVIDERS, 4321))
    known = names_for([(name, each.dialect) for name, each in PROVIDERS.items()])
    assert set(values_for(PROVIDERS, 1)) == set(known)
    unknown(text, known, "here")


def test_an_unknown_placeholder_is_refused_with_the_nearest():
    """Three lines."""
    with pytest.raises(HarnessError, match=r"unknown placeholder \{opnai_url\}[\s\S]*did you mean 'openai_url'"):
        unknown("x {opnai_url}", names_for([("a", "openai")]), "--target")


MISTAKES = {
    "no file": (None, "can't be read"),
    "no YAML": ("command: [", "no YAML"),
    "no mapping": ("- a", "holds no keys"),
    "no command": ("name: x", "command: field required"),
    "an unknown key": ("command: x\nfrnt: y", r"unknown key 'frnt'[\s\S]*front"),
    "open quotes": ('command: "x \'y"', "No closing quotation"),
    "a readiness path without a slash": ("command: x\nready: health", "ready: .*begins with a slash, such as /health"),
    "metrics at an address": ("command: x\nmetrics: 'http://h/m'", "metrics: .*begins with a slash"),
    "a front's path without a slash": ("command: x\npath: v1", "path: .*begins with a slash"),
    "a path with a blank": ("command: x\nready: /he alth", "ready: .*holds no blank"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_a_targets_file_is_named(case, tmp_path):
    """What, where, what next."""
    text, said = MISTAKES[case]
    path = tmp_path / "router.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(HarnessError, match=said):
        assert choose(str(path), Options()).label


def test_paths_are_kept_as_they_were_written(tmp_path):
    """With a query, and an empty one, which stands for the root; none has its default."""
    path = tmp_path / "router.yaml"
    path.write_text("command: x\nready: /health?deep=1\npath: ''")
    told = choose(str(path), Options()).told
    assert ("/health?deep=1", "", None) == (told.ready, told.path, told.metrics)


ANSWERS = {
    "HTTP/1.1 204 No Content\r\n\r\n": True,
    "HTTP/1.1 503 Service Unavailable\r\n\r\n": False,
    "": False,  # hung up
    "\x15\x03\x01\x00\x02\x02\x46\r\n": False,  # TLS's alert: this is no handshake
    "HTTP/1.1 many\r\n\r\n": False,
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_only_an_answer_in_http_says_that_a_router_is_ready(answer):
    """Whatever else comes back, such as TLS's alert, is no answer yet, and no failure of banstorm's."""

    async def say(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.encode("latin-1"))
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert ANSWERS[answer] == await asyncio.to_thread(_answers, f"http://127.0.0.1:{port}/health")


def test_a_program_with_a_vendors_sdk_calls_the_fakes_without_being_told(monkeypatch, tmp_path):
    """The SDKs' own variables are set, and the user's real keys are not handed on."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-real")
    target = choose("python x.py", Options())
    providers = {"openai": PROVIDERS["main"]}
    env = target._environment(providers, values_for(providers, 9))
    assert ("http://127.0.0.1:71/v1", "sk-1", "9") == (env["OPENAI_BASE_URL"], env["OPENAI_API_KEY"], env["PORT"])
    assert not set(OF_SDKS["anthropic"]) & set(env)


REQUEST_LINES = {
    "CONNECT telemetry.example:443 HTTP/1.1\r\n": ("telemetry.example", 443, "connect"),
    "CONNECT [::1]:8443 HTTP/1.1\r\n": ("::1", 8443, "connect"),
    "GET http://a.example/x HTTP/1.1\r\n": ("a.example", 80, "plain"),
}


@pytest.mark.parametrize("line", REQUEST_LINES)
def test_whom_a_stray_call_was_for_is_read_from_its_first_line(line):
    """A tunnel or a plain request."""
    assert REQUEST_LINES[line] == read_line(line)


STRAY = """
const told = await Promise.allSettled([fetch("https://telemetry.example/x"), fetch(process.argv[1])]);
console.log(told[0].status, await told[1].value.text());
"""


@pytest.mark.skipif(shutil.which("node") is None and not os.environ.get("BANSTORM_CI"), reason="needs node")
async def test_a_stray_fetch_of_nodes_is_refused_and_its_call_of_a_neighbour_is_not():
    """Node doesn't look at a proxy's variables by itself."""
    seen = []

    async def hello(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi")
        await writer.drain()
        writer.close()

    neighbour = await asyncio.start_server(hello, "127.0.0.1", 0)
    tripwire = Tripwire(lambda *call: seen.append(call))
    fence = await tripwire.open()
    try:
        url = f"http://127.0.0.1:{neighbour.sockets[0].getsockname()[1]}/"
        node = await asyncio.create_subprocess_exec(
            *["node", "--input-type=module", "-e", STRAY, url],
            env={"PATH": os.environ["PATH"], **fence},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(node.communicate(), 60)
    finally:
        await tripwire.close()
        neighbour.close()
    assert b"rejected hi" == said.strip()
    assert [("telemetry.example", 443, "connect")] == seen


@pytest.mark.parametrize("line", ["", "GET / HTTP/1.1\r\n", "\x16\x03\x01", "CONNECT :1 HTTP/1.1"])
def test_what_is_no_proxys_request_is_no_call(line):
    """It is hung up on."""
    with pytest.raises(ValueError, match=r"unpack|CONNECT|GET"):
        read_line(line)


@pytest.mark.lab
@pytest.mark.alone
def test_a_command_is_started_judged_and_cleaned_up(tmp_path):
    """A router of thirty lines that falls back loses nothing; a stray call of it is refused and named."""
    done = whole_run.play(tmp_path, scenario(tmp_path), "--target", tiny("leaks"))
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    assert "✓ lost_calls == 0" in done.stdout
    stray = "warning: the target called telemetry.example, which is none of its providers"
    assert 2 == done.stdout.count(stray)  # as it happens, and beside the verdict
    folder = whole_run.folder(tmp_path)
    assert "tiny_router" in folder.name
    assert ["telemetry.example"] == [each["host"] for each in whole_run.rows(folder)["refusals"]]
    assert "403" in (folder / "logs" / "target.log").read_text()
    assert [] == left_behind()


@pytest.mark.lab
@pytest.mark.alone
def test_a_file_describes_how_a_router_is_started(tmp_path):
    """Configuration template, environment, readiness path and name; the same verdict."""
    (tmp_path / "urls.tmpl").write_text("{anthropic_url} {openai_url}")
    start = (
        "import os, sys; urls = open(sys.argv[1]).read().split();"
        f"os.execv(sys.executable, [sys.executable, {str(TINY)!r}, os.environ['AT'], 'good', *urls])"
    )
    told = {
        "name": "mine",
        "command": f"{shlex.quote(sys.executable)} -c {shlex.quote(start)} {{config}}",
        "config": "urls.tmpl",
        "env": {"AT": "{port}"},
        "ready": "/health",
    }
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(told))
    done = whole_run.play(tmp_path, scenario(tmp_path), "--target", path)
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    assert "✓ lost_calls == 0" in done.stdout
    assert "-mine-" in whole_run.folder(tmp_path).name
    assert [] == left_behind()


@pytest.mark.lab
@pytest.mark.alone
@pytest.mark.parametrize("mode", ["never", "500"])
def test_a_target_that_never_becomes_ready_is_inconclusive(mode, tmp_path):
    """Named, with what it answered, and ended."""
    done = whole_run.play(tmp_path, scenario(tmp_path), "--target", tiny(mode), "--ready-timeout", "2s")
    assert 3 == done.returncode, done.stdout + done.stderr
    assert "the target is not ready after 2 s" in done.stderr
    assert ("status 500" if mode == "500" else "its log ends: waiting for a database") in done.stderr
    assert [] == left_behind()


@pytest.mark.lab
@pytest.mark.alone
def test_a_target_that_ends_before_it_is_ready_is_named_with_its_last_words(tmp_path):
    """A wrong command line, say."""
    command = f"{shlex.quote(sys.executable)} -c 'raise SystemExit(\"no configuration\")'"
    done = whole_run.play(tmp_path, scenario(tmp_path), "--target", command)
    assert 3 == done.returncode, done.stdout + done.stderr
    assert "the target exited with code 1 before it was ready: no configuration" in done.stderr


@pytest.mark.lab
@pytest.mark.alone
def test_a_target_that_dies_by_itself_fails(tmp_path):
    """With its exit code and the tail of its log."""
    done = whole_run.play(tmp_path, scenario(tmp_path), "--target", tiny("dies"))
    assert 1 == done.returncode, done.stdout + done.stderr
    assert "the target exited with code 7: out of luck" in done.stdout


@pytest.mark.lab
@pytest.mark.alone
def test_a_target_that_answers_500_to_everything_once_it_was_ready_fails(tmp_path):
    """Its callers lost their calls, whatever its providers did."""
    done = whole_run.play(tmp_path, scenario(tmp_path), "--target", tiny("breaks"))
    assert done.returncode in {1, 3}, done.stdout + done.stderr
    assert "✗ lost_calls == 0" in done.stdout
    assert [] == left_behind()


@pytest.mark.lab
@pytest.mark.alone
def test_a_program_that_is_not_there_is_named(tmp_path):
    """Three lines, exit code 2."""
    done = whole_run.play(tmp_path, scenario(tmp_path), "--target", "/no/such/router --port {port}")
    assert 2 == done.returncode
    assert "can't be started: No such file or directory" in done.stderr
