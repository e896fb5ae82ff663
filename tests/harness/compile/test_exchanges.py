"""HARs and flow files: what is taken from an exchange, and that nothing else is."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from banstorm.fakes.dialects import find, names
from banstorm.harness import cli
from banstorm.harness.compile.exchange import retry_after
from banstorm.harness.compile.read import read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

T0 = 1_793_188_800.0
HOSTS = {
    "openai": "https://api.openai.com/v1/chat/completions",
    "anthropic": "https://api.anthropic.com/v1/messages",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.8-flash:generateContent",
    "mistral": "https://api.mistral.ai/v1/chat/completions",
    "cohere": "https://api.cohere.com/v2/chat",
    "groq": "https://api.groq.com/openai/v1/chat/completions",
    "openrouter": "https://openrouter.ai/api/v1/chat/completions",
    "azure": "https://acme.openai.azure.com/openai/deployments/d/chat/completions",
    "bedrock": "https://bedrock-runtime.eu-west-1.amazonaws.com/model/x/converse",
}
ASKED = {"model": "gpt-5.4-mini-2026-03-05", "stream": True, "messages": [{"role": "user", "content": "hello"}]}


def har_entry(at_s: float, url: str, status: int, body: str = "", **more: Any) -> dict[str, Any]:
    """An entry of a HAR 1.2."""
    return {
        "startedDateTime": datetime.fromtimestamp(T0 + at_s, UTC).isoformat(),
        "time": more.pop("ms", 900),
        "request": {
            "method": "POST",
            "url": url,
            "headers": [{"name": "Authorization", "value": more.pop("secret", "Bearer x")}],
            "cookies": [{"name": "session", "value": more.pop("cookie", "x")}],
            "queryString": [],
            "postData": {"mimeType": "application/json", "text": more.pop("asked", json.dumps(ASKED))},
        },
        "response": {
            "status": status,
            "headers": more.pop("headers", []),
            "content": {"mimeType": more.pop("mime", "application/json"), "text": body},
        },
        "timings": {"send": 1, "wait": 300, "receive": 600},
        **more,
    }


def har(tmp_path: Path, *entries: dict[str, Any]) -> Path:
    """A HAR of these entries."""
    path = tmp_path / "log.har"
    path.write_text(json.dumps({"log": {"version": "1.2", "creator": {}, "entries": entries}}))
    return path


@pytest.mark.parametrize("dialect", names())
def test_a_har_tells_the_vendor_and_its_failure_by_the_body(dialect, tmp_path):
    """One failure of each vendor's, word for word, is known by what the body says."""
    failures = find(dialect).failures
    kind = next(each for each in ("org_disabled", "quota_exhausted", "context_too_long") if each in failures)
    reply = find(dialect).failure(kind, {}, id_seed=5)
    log = read(har(tmp_path, har_entry(0, HOSTS[dialect], reply.status, reply.body.decode())), None, {})
    (found,) = log.events
    assert (dialect, dialect, reply.status) == (found.provider, found.dialect, found.status)
    assert found.kind == kind or reply.body == find(dialect).failure(found.kind, {}, id_seed=5).body


def test_a_har_tells_times_model_and_stream(tmp_path):
    """What a scenario is made of: when, how long to the first byte and to the last, which model, streamed or not."""
    (found,) = read(har(tmp_path, har_entry(2.5, HOSTS["openai"], 200)), None, {}).events
    assert (T0 + 2.5, 0.3, 0.9) == (found.at_s, pytest.approx(found.first_s), found.latency_s)
    assert ("gpt-5.4-mini", True) == (found.model, found.stream)


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"status": 0, "_error": "net::ERR_CONNECTION_REFUSED"}, "connection_refused"),
        ({"status": 0, "_error": "net::ERR_CONNECTION_RESET"}, "connection_reset"),
        ({"status": 0, "_error": "net::ERR_TIMED_OUT"}, "no_answer"),
        ({"status": 0}, "no_answer"),
        ({"status": -1}, "no_answer"),
        ({"status": 200, "mime": "text/event-stream", "body": "data: {}\n\ndata: [DONE]\n\n"}, ""),
        ({"status": 200, "mime": "text/event-stream", "body": "data: {}\n\n"}, "stream_cut"),
        ({"status": 200, "mime": "text/event-stream", "body": ""}, ""),
        ({"status": 200, "mime": "text/event-stream", "body": 'data: {"error": {}}\n\n'}, "stream_error"),
        ({"status": 200, "_error": "net::ERR_HTTP2_PROTOCOL_ERROR"}, "stream_cut"),
    ],
)
def test_what_went_wrong_without_a_status_is_told_too(entry, kind, tmp_path):
    """Connections and streams that broke are failures with a 200, or with no status at all."""
    body = entry.pop("body", "")
    (found,) = read(har(tmp_path, har_entry(0, HOSTS["openai"], body=body, **entry)), None, {}).events
    assert kind == found.kind


def test_a_body_in_base64_is_read(tmp_path):
    """As browsers write what is no text."""
    reply = find("anthropic").failure("org_disabled", {}, id_seed=1)
    entry = har_entry(0, HOSTS["anthropic"], 400, base64.b64encode(reply.body).decode())
    entry["response"]["content"]["encoding"] = "base64"
    assert ["org_disabled"] == [each.kind for each in read(har(tmp_path, entry), None, {}).events]


def test_what_a_browser_asks_besides_is_no_call(tmp_path, compiled):
    """A preflight before each call, and a list of models, are left out: they'd halve every share of failures."""
    entries = []
    for at_s in range(60):
        around = [
            har_entry(at_s, HOSTS["openai"], 204, ms=20),
            har_entry(at_s, "https://api.openai.com/v1/models", 200),
        ]
        for entry, method in zip(around, ("OPTIONS", "GET"), strict=True):
            entry["request"]["method"] = method
        entries += [*around, har_entry(at_s, HOSTS["openai"], 500 if 20 <= at_s < 40 else 200)]
    path = har(tmp_path, *entries)
    log = read(path, None, {})
    assert 60 == len(log.events)
    assert ["120 requests are no calls of an LLM, and were left out"] == log.notes
    assert [1.0] == [each.share for each in compiled(path).timeline]


def test_answers_that_are_whole_at_once_are_compiled(tmp_path, compiled):
    """The fastest pace is written as a number that the language takes, not as 1e+04."""
    entries = [har_entry(at_s, HOSTS["openai"], 200) for at_s in range(60)]
    for entry in entries:
        entry["timings"]["receive"] = 1
    (provider,) = compiled(har(tmp_path, *entries)).providers.values()
    assert "10000" in str(provider.tokens_per_second)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("Wed, 28 Oct 2026 12:00:30 GMT", 30),
        ("-3", None),
        ("soon", None),
        ("999999999", None),
        (None, None),
    ],
)
def test_a_retry_after_is_understood_in_every_form(value, seconds):
    """Seconds or a date; junk is nothing."""
    assert seconds == retry_after(value, T0)


def test_two_gateways_are_two_providers_of_one_vendor(tmp_path):
    """Their hosts may be nobody's business, so they are numbered."""
    urls = ["http://gw-one.internal/v1/chat/completions", "http://gw-two.internal/v1/chat/completions"]
    log = read(har(tmp_path, *(har_entry(number, urls[number % 2], 200) for number in range(4))), None, {})
    assert ["openai", "openai_2"] * 2 == [each.provider for each in log.events]


# --- flow files


def write_flows(path: Path, exchanges: list[tuple[float, str, int | None, bytes, str]]) -> Path:
    """A flow file as mitmdump writes it, of (second, URL, status, body, why it broke)."""
    from mitmproxy import connection, flow, http, io

    with path.open("wb") as file:
        writer = io.FlowWriter(file)
        for at_s, url, status, body, why in exchanges:
            client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=T0)
            each = http.HTTPFlow(client, connection.Server(address=None))
            headers = {"authorization": "Bearer x", "content-type": "application/json"}
            each.request = http.Request.make("POST", url, json.dumps(ASKED).encode(), headers)
            each.request.timestamp_start = each.request.timestamp_end = T0 + at_s
            if status is not None:
                each.response = http.Response.make(status, body, {"content-type": "application/json"})
                each.response.timestamp_start, each.response.timestamp_end = T0 + at_s + 0.2, T0 + at_s + 0.7
            if why:
                each.error = flow.Error(why, T0 + at_s + 1)
            writer.add(each)
    return path


def test_a_flow_file_of_the_fakes_own_words_is_compiled(tmp_path, compiled):
    """A ban in the middle of traffic, recorded by mitmproxy, becomes a window of that ban on that provider."""
    banned = find("anthropic").failure("org_disabled", {}, id_seed=3)
    exchanges = []
    for number in range(400):
        at_s = number / 10
        status, body = (banned.status, banned.body) if 15 <= at_s < 25 else (200, b"{}")
        exchanges.append((at_s, HOSTS["anthropic"], status, body, ""))
    scenario = compiled(write_flows(tmp_path / "log.flows", exchanges))
    (entry,) = scenario.timeline
    assert ("org_disabled", ["anthropic"], 1) == (entry.fault, entry.on, entry.share)
    assert (15, 25) == (pytest.approx(entry.at, abs=0.1), pytest.approx(entry.until, abs=0.1))
    assert 0.2 == pytest.approx(scenario.providers["anthropic"].ttft["p50"], abs=0.01)


def test_a_flow_tells_what_a_har_tells(tmp_path):
    """Times from mitmproxy's own stamps, and its words for what broke."""
    flows = [
        (0.0, HOSTS["openai"], 200, b"{}", ""),
        (1.0, HOSTS["openai"], None, b"", "connection refused by the other side"),
        (2.0, "https://example.com/style.css", 200, b"", ""),
        (3.0, HOSTS["openai"], 200, b"{", "server closed connection"),
    ]
    log = read(write_flows(tmp_path / "log.flows", flows), None, {})
    assert ["", "connection_refused", "stream_cut"] == [each.kind for each in log.events]
    assert (0.2, 0.7) == (pytest.approx(log.events[0].first_s), pytest.approx(log.events[0].latency_s))
    assert ["1 requests are no calls of an LLM, and were left out"] == log.notes


def test_a_flow_file_that_was_cut_off_is_used_as_far_as_it_goes(tmp_path):
    """The proxy was killed, and the incident is in there all the same."""
    path = write_flows(tmp_path / "log.flows", [(number, HOSTS["openai"], 200, b"{}", "") for number in range(5)])
    path.write_bytes(path.read_bytes()[:-20])
    log = read(path, None, {})
    assert 4 == len(log.events)
    assert any("cut off behind flow 4" in note for note in log.notes)


def test_a_flow_file_is_known_without_its_suffix(tmp_path):
    """`mitmdump -w incident` gives it none."""
    path = write_flows(tmp_path / "incident", [(0.0, HOSTS["openai"], 200, b"{}", "")])
    assert 1 == len(read(path, None, {}).events)


# --- privacy

MARK = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=12, max_size=30).map(
    "Zq".__add__
)
CURIOUS = settings(
    max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _said(capsys, monkeypatch, *words: str | Path) -> str:
    monkeypatch.setattr("sys.argv", ["banstorm", "compile", *map(str, words)])
    with pytest.raises(SystemExit):
        cli.main()
    return "".join(capsys.readouterr())


@CURIOUS
@given(mark=MARK, status=st.sampled_from([200, 400, 401, 429, 500, 0]), cut=st.booleans())
def test_nothing_planted_in_a_har_comes_out(mark, status, cut, tmp_path, capsys, monkeypatch):
    """Not from headers, cookies, query, host, path, body, answer, model or error, nor as an error of a broken file."""
    asked = json.dumps({"model": mark, "messages": [{"role": "user", "content": mark}], mark: mark})
    places = [
        f"https://{mark}.openai.azure.com/openai/deployments/{mark}/chat/completions?key={mark}",
        f"https://{mark}:{mark}@api.openai.com/v1/chat/completions?user={mark}",
        f"http://{mark}/v1/messages#{mark}",
        f"https://generativelanguage.googleapis.com/v1beta/models/{mark}:generateContent?key={mark}",
        f"https://example.com/{mark}",
    ]
    entries = [
        har_entry(
            number / 2, places[number % len(places)], status if number % 40 > 20 else 200, json.dumps({"error": mark}),
            asked=asked, secret=f"Bearer {mark}", cookie=mark, comment=mark, _error=mark if status == 0 else "",
            headers=[{"name": "retry-after", "value": mark}, {"name": f"x-{mark}", "value": mark}],
        )
        for number in range(120)
    ]  # fmt: skip
    path = har(tmp_path, *entries)
    if cut:
        path.write_text(path.read_text()[:-90])
    said = _said(capsys, monkeypatch, path)
    assert "version: 1" in said or cut
    assert mark.lower() not in said.lower()


@settings(CURIOUS, max_examples=10)
@given(mark=MARK, status=st.sampled_from([200, 400, 429, None]))
def test_nothing_planted_in_a_flow_file_comes_out(mark, status, tmp_path, capsys, monkeypatch):
    """Bodies of answers are looked at, and forgotten."""
    body = json.dumps({"error": {"message": mark, "code": mark}}).encode()
    url = f"https://api.openai.com/v1/chat/completions?key={mark}"
    flows = [
        (
            number / 2,
            url,
            status if number % 40 > 20 else 200,
            body,
            mark if status is None and number % 40 > 20 else "",
        )
        for number in range(120)
    ]
    said = _said(capsys, monkeypatch, write_flows(tmp_path / "log.flows", flows))
    assert "version: 1" in said
    assert mark.lower() not in said.lower()


@settings(CURIOUS, max_examples=20)
@given(mark=MARK, head=st.booleans(), column=st.sampled_from(["prompt", "error", "model", "api_key"]))
def test_nothing_planted_in_a_table_comes_out(mark, head, column, tmp_path, capsys, monkeypatch):
    """Columns that nobody asked for, texts of errors, names of models; nor the first call where a header lacks."""
    lines = [f"{number},openai,{429 if number > 60 else 200},{mark} and {mark}" for number in range(99)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join([f"time,provider,status,{column}"] * head + lines))
    said = _said(capsys, monkeypatch, path)
    assert head == ("version: 1" in said)
    assert mark.lower() not in said.lower()


def test_a_run_of_banstorms_own_is_a_log_too(tmp_path):
    """Its attempts, from time 0 on, with what they met."""
    folder = tmp_path / "run"
    (folder / "ledger").mkdir(parents=True)
    (folder / "run.json").write_text(
        json.dumps({"t0_ns": 10**9, "scenario": {"providers": {"claude": {"dialect": "anthropic"}}}})
    )
    banned = find("anthropic").failure("org_disabled", {}, id_seed=3)
    rows = []
    for number in range(200):
        bad = 100 <= number < 150
        rows.append(
            {"table": "attempts", "provider": "claude", "received_ns": number * 10**8, "first_byte_ns": None,
             "ended_ns": number * 10**8 + 10**7, "status": banned.status if bad else 200, "model": "claude-sonnet-5",
             "stream": False, "ended_by": "complete", "evidence": banned.body.decode() if bad else None}
        )  # fmt: skip
    text = "\n".join(map(json.dumps, rows)) + '\n{"table": "att'
    (folder / "ledger" / "injector.ndjson").write_text(text)
    log = read(folder, None, {})
    assert Counter({"": 140, "org_disabled": 50}) == Counter(each.kind for each in log.events)
    assert {"claude"} == {each.provider for each in log.events}
