"""The recording proxy: what an API said is heard, written and said again, and no credential is written."""

from __future__ import annotations

import asyncio
import gzip
import re
import stat
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import orjson
import pytest
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.replay import Replay
from banstorm.fakes.serve import serve
from banstorm.harness import record_proxy
from banstorm.harness.errors import HarnessError
from banstorm.harness.tape import RECORDED, Tape
from disk import little_room
from recorder import PATIENCE_S, Echo, Recorder, post

SECRET = "my-own-key-4711"  # looks like no vendor's key
NAMES = ("anthropic", "openai")
FORBIDDEN = {"host", "connection", "transfer-encoding", "proxy-authorization", "x-banstorm-attempt", "x-hop"}


def fake(name: str) -> Any:
    """A stand-in for the real API."""
    return create_app(name, find(name), Pace(), run_seed=1, bill=lambda _: None, prices=PriceTable.load())


def _said(port: int, name: str, key: str) -> list[Any]:
    """What the vendor's SDK makes of a plain answer, a streamed one, a tool call, and the same question again."""
    if name == "openai":
        question: Any = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "Where is it?"}]}
        function = {"name": "look", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
        tools = {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0) as client:
            create = client.chat.completions.create
            return _answers(lambda **more: create(**question, **more), tools)
    question = {"model": "claude-sonnet-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Where is it?"}]}
    tools = {"tools": [{"name": "look", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"}}
    with anthropic.Anthropic(base_url=f"http://127.0.0.1:{port}", api_key=key, max_retries=0) as claude:
        send = claude.messages.create
        return _answers(lambda **more: send(**question, **more), tools)


def _answers(ask: Any, tools: Any) -> list[Any]:
    plain = ask()
    return [
        plain.to_dict(),
        [event.to_dict() for event in ask(stream=True)],
        ask(**tools).to_dict(),
        [event.to_dict() for event in ask(stream=True, **tools)],
        ask().to_dict(),
        plain._request_id,
    ]


@pytest.mark.parametrize("name", NAMES)
async def test_the_official_sdk_hears_the_same_again(name: str, tmp_path: Path):
    """Plain, streamed and tool answers are the API's own while recording, and come from the file for another key."""
    recorder = Recorder(tmp_path)
    async with recorder.running({name: fake(name)}):
        heard = await asyncio.to_thread(_said, recorder.ports[name], name, SECRET)
    assert {RECORDED: 5} == recorder.tape.fates
    played = Replay(recorder.exchanges, strict=True, speed=0)

    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("everything was recorded")

    servers = await serve({name: (played.wrap(nobody, name, find(name)), 0)})
    try:
        again = await asyncio.to_thread(_said, servers.ports[name], name, "another-key-1")
    finally:
        await servers.stop()
    assert heard == again
    assert heard[5]
    assert SECRET.encode() not in recorder.path.read_bytes()


async def test_no_credential_reaches_the_file_or_the_log(tmp_path: Path):
    """A secret in a header, the query and the body, and echoed by the API in all of its answer, is nowhere written."""
    places = {"authorization": f"Bearer {SECRET}", "x_api_key": "other-key-0815", "cookie": "s=crumbs-0816"}
    query, field = "query-key-0817", "field-key-0818"
    secrets = [SECRET, "other-key-0815", "crumbs-0816", query, field]
    echo = orjson.dumps({"error": f"wrong: {' '.join(secrets)}", "again": orjson.dumps({"k": secrets}).decode()})
    api = Echo(echo, 401, [("content-type", "application/json"), ("x-echo", SECRET), ("set-cookie", "a=b")])
    recorder = Recorder(tmp_path, keep_prompts=True)
    async with recorder.running({"openai": api}):
        body = {"model": "m", "api_key": field, "messages": [{"content": f"my key is {SECRET}"}], "user": "me"}
        answer = await post(recorder, body, f"/v1/chat/completions?key={query}&alt=sse", **places)
    assert echo == answer.content  # the caller hears what the API said
    written = recorder.path.read_bytes() + "".join(recorder.told).encode()
    assert [] == [secret for secret in secrets if secret.encode() in written]
    [exchange] = recorder.exchanges
    assert "alt=sse" == exchange.request.query
    assert "wrong: [redacted] [redacted]" in orjson.loads(exchange.chunks[0][1])["error"]
    kept = orjson.loads(recorder.path.read_bytes().splitlines()[1])["request"]["body"]
    assert {
        "model": "m",
        "api_key": "[redacted]",
        "messages": [{"content": "my key is [redacted]"}],
        "user": "me",
    } == kept
    assert 0o600 == stat.S_IMODE(recorder.path.stat().st_mode)


async def test_prompts_are_not_written_unless_asked_for(tmp_path: Path):
    """By default only the model, the fields' names and fingerprints are left of a request."""
    recorder = Recorder(tmp_path)
    async with recorder.running({"openai": Echo()}):
        await post(recorder, {"model": "m", "messages": [{"role": "user", "content": "a private matter"}]})
    written = recorder.path.read_bytes()
    assert b"private" not in written
    assert b'"messages"' in written


async def test_the_api_gets_the_request_as_it_was(tmp_path: Path):
    """Path, query, body and headers pass, credentials too; what belongs to the connection or to banstorm doesn't."""
    api = Echo()
    recorder = Recorder(tmp_path)
    async with recorder.running({"openai": api}):
        body = gzip.compress(b'{"a": 1}')
        headers = {
            "authorization": f"Bearer {SECRET}",
            "content_encoding": "gzip",
            "accept_encoding": "br",
            "connection": "keep-alive, x-hop",
            "x_hop": "1",
            "proxy_authorization": "Bearer p",
            "x_banstorm_attempt": "a",
            "openai_beta": "b",
        }
        await post(recorder, body, "/v1/a%2Fb%20c?x=%20&y", **headers)
    scope, got = api.asked[0]
    assert (b"/v1/a%2Fb%20c", b"x=%20&y", body) == (scope["raw_path"], scope["query_string"], got)
    assert f"Bearer {SECRET}" == api.headers["authorization"]
    assert ("gzip", "identity", "b") == tuple(
        api.headers[each] for each in ("content-encoding", "accept-encoding", "openai-beta")
    )
    assert not (FORBIDDEN - {"host", "connection"}) & api.headers.keys()
    assert "keep-alive, x-hop" != api.headers.get("connection")


async def test_an_encoded_answer_is_written_decoded(tmp_path: Path):
    """An API that compresses all the same is heard and played in plain bytes."""
    text = b"hello " * 100
    headers = [("content-encoding", "gzip"), ("content-type", "text/plain"), ("x-a", "b"), ("x-a", "c")]
    recorder = Recorder(tmp_path)
    async with recorder.running({"openai": Echo(gzip.compress(text), 200, headers)}):
        answer = await post(recorder)
    assert text == answer.content
    assert "content-encoding" not in answer.headers
    [exchange] = recorder.exchanges
    assert text == b"".join(data for _, data in exchange.chunks)
    assert (("content-type", "text/plain"), ("x-a", "b"), ("x-a", "c")) == exchange.headers


async def test_a_stream_passes_as_it_comes(tmp_path: Path):
    """The first piece is there while the API holds back the rest; a caller that leaves takes the API's side along."""
    api = Echo(b"data: a\n\n", headers=[("content-type", "text/event-stream")])
    api.wait.clear()
    recorder = Recorder(tmp_path)
    async with recorder.running({"openai": api}):
        url = f"http://127.0.0.1:{recorder.ports['openai']}/v1/chat/completions"
        async with (
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client,
            client.stream("POST", url, content=b"{}") as answer,
        ):
            assert b"data:" == (await anext(answer.aiter_raw()))[:5]
        await asyncio.wait_for(api.left.wait(), PATIENCE_S)
    assert [] == recorder.exchanges
    assert {"not recorded: its caller left": 1} == recorder.tape.fates


async def test_a_caller_that_leaves_before_the_answer(tmp_path: Path):
    """The API isn't kept busy for nobody."""
    api = Echo(b"")
    api.wait.clear()
    recorder = Recorder(tmp_path)
    async with recorder.running({"openai": api}):
        asking = asyncio.create_task(post(recorder))
        await asyncio.to_thread(api.arrived.wait, PATIENCE_S)
        asking.cancel()
        await asyncio.wait_for(api.left.wait(), PATIENCE_S)
    assert [] == recorder.exchanges


async def test_an_answer_that_breaks_off_is_not_recorded(tmp_path: Path):
    """The caller sees it break off as it did; half an answer would be a lie when it is played."""
    recorder = Recorder(tmp_path)
    async with recorder.running({"openai": Echo(b"data: a\n\n", whole=False)}):
        with pytest.raises(httpx.RemoteProtocolError):
            await post(recorder)
    assert [] == recorder.exchanges
    assert {"not recorded: the API's answer broke off": 1} == recorder.tape.fates


@pytest.mark.parametrize(("why", "recorded"), [("InvalidSignatureException", 0), ("AccessDeniedException", 1)])
async def test_a_signature_for_the_proxy_is_explained(tmp_path: Path, why: str, recorded: int):
    """Amazon's signature covers the host that the caller sees: the refusal is no recording, and the way out is told."""
    recorder = Recorder(tmp_path)
    api = Echo(b'{"message": "no"}', 403, [("x-amzn-errortype", why), ("content-type", "application/json")])
    async with recorder.running({"openai": api}):
        assert 403 == (await post(recorder)).status_code
    assert recorded == len(recorder.exchanges)
    assert (recorded == 0) == any("AWS_BEARER_TOKEN_BEDROCK" in line for line in recorder.told)


BOUNDS = [
    ({"response_bytes_max": 10}, "not recorded: the response is too large", 0),
    ({"bytes_max": 60}, "not recorded: the file is full", 0),
    ({"exchanges_max": 1}, "not recorded: the file is full", 1),
]


@pytest.mark.parametrize(("options", "fate", "recorded"), BOUNDS)
async def test_bounds(tmp_path: Path, options: dict[str, int], fate: str, recorded: int):
    """Beyond a bound answers are passed on whole, and aren't recorded."""
    recorder = Recorder(tmp_path, **options)
    async with recorder.running({"openai": Echo(b'{"long": "enough"}')}):
        assert [b'{"long": "enough"}'] * 2 == [(await post(recorder)).content for _ in range(2)]
    assert recorded == len(recorder.exchanges)
    assert 2 - recorded == recorder.tape.fates[fate]


def test_a_disk_that_is_full_from_the_start_is_told_and_leaves_no_file(tmp_path: Path):
    """Or the next try would be told that the file exists already."""
    with little_room(10), pytest.raises(HarnessError, match="can't be written: file too large"):
        Tape(tmp_path / "r")
    Tape(tmp_path / "r").close()


async def test_a_full_disk_is_no_fault_of_the_api(tmp_path: Path):
    """The caller gets its answer whole, the fate says what, where and what next, and the file keeps its whole lines."""
    recorder = Recorder(tmp_path)
    api = Echo(b"x" * 3000, 200, [("content-type", "text/plain")])
    async with recorder.running({"openai": api}):
        await post(recorder)
        size = recorder.path.stat().st_size
        with little_room(size + 100):
            answer = await post(recorder)
        assert size == recorder.path.stat().st_size
        await post(recorder)
    assert (200, b"x" * 3000) == (answer.status_code, answer.content)
    fate = "not recorded: the recording can't be written (file too large)"
    fate += f": {recorder.path}; make room there and record again"
    assert {RECORDED: 2, fate: 1} == recorder.tape.fates
    assert recorder.told[1].endswith(fate)
    assert [1, 3] == [exchange.number for exchange in recorder.exchanges]


async def test_a_body_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It doesn't even reach the API."""
    monkeypatch.setattr(record_proxy, "REQUEST_BYTES_MAX", 10)
    api = Echo()
    recorder = Recorder(tmp_path)
    async with recorder.running({"openai": api}):
        answer = await post(recorder, b"x" * 11)
    assert (413, []) == (answer.status_code, api.asked)


async def test_too_many_requests_at_once_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Those under way go on."""
    monkeypatch.setattr(record_proxy, "IN_FLIGHT_MAX", 1)
    api = Echo(b"data: a\n\n")
    api.wait.clear()
    recorder = Recorder(tmp_path)
    async with recorder.running({"openai": api}):
        asking = asyncio.create_task(post(recorder))
        await asyncio.to_thread(api.arrived.wait, PATIENCE_S)
        assert 503 == (await post(recorder)).status_code
        asking.cancel()
        await asyncio.wait_for(api.left.wait(), PATIENCE_S)


async def test_a_spelt_credential_withholds_the_exchange(tmp_path: Path):
    """A stream that says the caller's key piece by piece is passed on and not written."""
    events = b"".join(b'data: {"t": "%s"}\n\n' % part.encode() for part in re.findall("...", SECRET))
    recorder = Recorder(tmp_path)
    async with recorder.running({"openai": Echo(events)}):
        answer = await post(recorder, authorization=f"Bearer {SECRET}")
    assert events == answer.content
    assert {"not recorded: a credential could not be taken out": 1} == recorder.tape.fates


def test_a_file_is_never_written_over(tmp_path: Path):
    """What was recorded before stays; a path that can't be written is told."""
    Tape(tmp_path / "r").close()
    with pytest.raises(HarnessError, match="exists already"):
        Tape(tmp_path / "r")
    with pytest.raises(HarnessError, match="can't be written: no such file"):
        Tape(tmp_path / "nowhere" / "r")
