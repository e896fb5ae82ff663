"""The service as a process: the official SDK talks to it, signals end it, and its mistakes are three lines."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
HELLO = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "look_up", "strict": True, "parameters": {"type": "object"}}}
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


async def launch(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    """Start the service."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "banstorm.router", *arguments,
        env={**os.environ, **environment}, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


@dataclass
class Service:
    """A running service over two stand-ins."""

    process: asyncio.subprocess.Process
    url: str
    anthropic: object
    openai: object

    async def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; exit code and what is left of stderr."""
        self.process.send_signal(number)
        _, stderr = await asyncio.wait_for(self.process.communicate(), 10)
        return self.process.returncode, stderr.decode()


def write_config(path: Path, first: str, second: str, **more: object) -> Path:
    """A router.yaml over two stand-ins."""
    config = {
        "listen": {"host": "127.0.0.1", "port": 0},
        "providers": [
            {"name": "anthropic", "dialect": "anthropic", "base_url": first, "model": "claude", "api_key_env": "KEY_A"},
            {"name": "openai", "dialect": "openai", "base_url": second, "model": "gpt", "api_key_env": "KEY_B"},
        ],
        **more,
    }
    file = path / "router.yaml"
    file.write_text(json.dumps(config))  # every JSON document is a YAML document
    return file


@pytest.fixture
async def service(upstream, tmp_path) -> AsyncIterator[Service]:
    """A service that is ready."""
    first, second = await upstream("anthropic"), await upstream("openai")
    first.words, second.words = "anthropic is well", "openai is well"
    file = write_config(tmp_path, first.url, second.url, log={"calls": True})
    process = await launch("--config", str(file), KEY_A="sk-a-secret", KEY_B="sk-b-secret")
    line = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
    found = re.fullmatch(r"banstorm router listens on (http://127\.0\.0\.1:\d+)\n", line)
    assert found, line
    yield Service(process, found[1], first, second)
    if process.returncode is None:
        process.kill()
        await process.communicate()


async def test_spans_are_exported(upstream, tmp_path):
    """With `tracing` enabled, a call's spans are sent over OTLP, at the latest when the process ends."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    sent: list[tuple[str, bytes]] = []

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(re.search(r"content-length: (\d+)", head)[1])
        body = await reader.readexactly(length)
        sent.append((head.split()[1], body))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    collector = await asyncio.start_server(collect, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{collector.sockets[0].getsockname()[1]}"
    first, second = await upstream("anthropic"), await upstream("openai")
    file = write_config(tmp_path, first.url, second.url, tracing={"enabled": True, "service_name": "my-router"})
    process = await launch("--config", str(file), KEY_A="sk-a", KEY_B="sk-b", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    line = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
    service = Service(process, line.split()[-1], first, second)
    async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="any", max_retries=0) as client:
        await client.chat.completions.create(model="best", messages=HELLO)
    assert 0 == (await service.end())[0]
    collector.close()
    assert ["/v1/traces"] == [path for path, _ in sent]
    for told in (b"my-router", b"chat best", b"chat claude", b"gen_ai.usage.input_tokens"):
        assert told in sent[0][1]


async def test_official_sdk(service):
    """The openai SDK gets plain, streamed, tool and JSON answers through either provider without noticing which."""
    async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0) as client:
        for provider in ("anthropic", "openai"):
            if provider == "openai":
                service.anthropic.always = service.anthropic.replies(529, OVERLOADED)
            words = f"{provider} is well"
            plain = await client.chat.completions.create(model="any", messages=HELLO)
            assert (words, "stop", 18) == (
                plain.choices[0].message.content,
                plain.choices[0].finish_reason,
                plain.usage.total_tokens,
            )
            tool = await client.chat.completions.create(model="any", messages=HELLO, tools=[TOOL])
            call = tool.choices[0].message.tool_calls[0]
            assert ("look_up", {"words": words}) == (call.function.name, json.loads(call.function.arguments))
            form = await client.chat.completions.create(model="any", messages=HELLO, response_format=FORM)
            assert {"words": words} == json.loads(form.choices[0].message.content)

            async with client.chat.completions.stream(model="any", messages=HELLO) as stream:
                final = await stream.get_final_completion()
            assert (f"{words} ", "stop") == (final.choices[0].message.content, final.choices[0].finish_reason)
            async with client.chat.completions.stream(model="any", messages=HELLO, tools=[TOOL]) as stream:
                final = await stream.get_final_completion()
            call = final.choices[0].message.tool_calls[0]
            assert ("look_up", {"words": words}) == (call.function.name, json.loads(call.function.arguments))
            stream = await client.chat.completions.create(
                model="any", messages=HELLO, response_format=FORM, stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            assert ({"words": words}, 18) == (json.loads(text), chunks[-1].usage.total_tokens)
        models = [model.id async for model in client.models.list()]
        assert ["claude", "gpt"] == models


async def test_official_sdk_maps_failures(service):
    """Refusals, exhaustion and broken streams become the SDK's own exceptions."""
    first, second = service.anthropic, service.openai
    async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError, match="messages"):
            await client.chat.completions.create(model="any", messages=[])
        good = first.events(model="m", stream=True)

        async def breaks(exchange):
            await exchange.begin_stream()
            for event in good[:4]:
                await exchange.send(event)
            await out.wait()
            await exchange.end_stream()

        first.script.append(breaks)
        out = asyncio.Event()
        stream = await client.chat.completions.create(model="any", messages=HELLO, stream=True)
        chunks = aiter(stream)
        assert "" == (await anext(chunks)).choices[0].delta.content
        assert "anthropic " == (await anext(chunks)).choices[0].delta.content
        out.set()
        with pytest.raises(openai.APIError, match="incomplete"):
            await anext(chunks)
        first.always, second.always = first.replies(529, OVERLOADED), second.replies(401, {"error": {"message": "no"}})
        with pytest.raises(openai.InternalServerError, match="All LLM providers exhausted"):
            await client.chat.completions.create(model="any", messages=HELLO)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_end_it_orderly(service, number):
    """SIGTERM and Ctrl-C let the call in flight finish, then it exits with 0; the log holds no keys."""
    started, release = asyncio.Event(), asyncio.Event()

    async def held(exchange):
        started.set()
        await release.wait()
        await service.anthropic.well(exchange)

    service.anthropic.always = held
    async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0) as client:
        call = asyncio.ensure_future(
            client.chat.completions.create(model="any", messages=[{"role": "user", "content": "my question"}])
        )
        await started.wait()
        host, port = service.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        # Answered once, so it is known there, and a second request begun, so it isn't closed for being idle.
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b'{"status":"ok"}')
        writer.write(b"GET /healthz HTTP/1.1\r\n")
        ended = asyncio.ensure_future(service.end(number))
        assert b"" == await asyncio.wait_for(reader.read(), 10)
        writer.close()
        # The listener went before it: new calls are refused while the old one is still served.
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(port))
        assert not call.done()
        release.set()
        assert "anthropic is well" == (await call).choices[0].message.content
    code, stderr = await ended
    assert 0 == code, stderr
    (line,) = stderr.strip().split("\n")
    logged = json.loads(line)
    assert ("ok", "anthropic", 1, False) == (
        logged["outcome"],
        logged["provider"],
        logged["attempts"],
        logged["stream"],
    )
    assert "my question" not in stderr
    assert "secret" not in stderr


async def test_the_wait_for_calls_in_flight_is_bounded(upstream, tmp_path):
    """A call that never ends holds SIGTERM up for `drain` and no longer; the exit code is still 0."""
    up = await upstream("anthropic")
    started = asyncio.Event()

    async def held(exchange):
        started.set()
        await asyncio.Event().wait()

    up.always = held
    file = write_config(tmp_path, up.url, "http://127.0.0.1:1/v1", limits={"drain": "1s"}, fallback=False)
    process = await launch("--config", str(file), KEY_A="a", KEY_B="b")
    url = (await asyncio.wait_for(process.stderr.readline(), 20)).decode().split()[-1]
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        call = asyncio.ensure_future(client.chat.completions.create(model="any", messages=HELLO))
        await started.wait()
        process.send_signal(signal.SIGTERM)
        _, stderr = await asyncio.wait_for(process.communicate(), 10)
        with pytest.raises(openai.APIError):
            await call
    assert (0, False) == (process.returncode, "Traceback" in stderr.decode()), stderr.decode()


@pytest.mark.parametrize("mistake", ["port", "key", "dialect"])
async def test_mistakes_are_three_lines(tmp_path, mistake):
    """A taken port, a missing key and a wrong value end the start with three lines and exit code 2."""
    more = {}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        if mistake == "port":
            more = {"listen": {"port": taken.getsockname()[1]}}
        file = write_config(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:1/v1", **more)
        if mistake == "dialect":
            file.write_text(file.read_text().replace('"dialect": "openai"', '"dialect": "opanai"'))
        keys = {"KEY_A": "a", "KEY_B": ""} if mistake == "key" else {"KEY_A": "a", "KEY_B": "b"}
        process = await launch("--config", str(file), **keys)
        _, stderr = await asyncio.wait_for(process.communicate(), 20)
    lines = stderr.decode().strip().split("\n")
    assert (2, 3) == (process.returncode, len(lines)), lines
    expected = {"port": "can't listen", "key": "'KEY_B' is not set", "dialect": "expected one of anthropic, azure"}
    assert expected[mistake] in lines[0]
    assert "Traceback" not in stderr.decode()
