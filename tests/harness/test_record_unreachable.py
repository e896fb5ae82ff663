"""What a caller hears from the recording proxy when the API can't be reached."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from banstorm.harness.record_proxy import reason
from recorder import Recorder, post


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:1", "127.0.0.1 can't be reached: nothing listens there (connection refused)"),
        ("http://nowhere.invalid", "nowhere.invalid can't be reached: its name is unknown (DNS)"),
    ],
)
async def test_an_api_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, told: str):
    """The caller gets a 502 in plain words that SDKs don't try again, and nothing is recorded as the vendor's."""
    resolve = socket.getaddrinfo

    def look_up(host: Any, *rest: Any, **more: Any) -> Any:
        if "nowhere" in str(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    recorder = Recorder(tmp_path)
    async with recorder.running(urls={"openai": url}):
        answer = await post(recorder)
    assert 502 == answer.status_code
    assert f"banstorm record: {told}" == answer.json()["error"]["message"]
    assert "false" == answer.headers["x-should-retry"]
    assert [] == recorder.exchanges


SPEAKERS = [
    ("http", b"", "it closed the connection without an answer"),
    ("http", b"?\r\n\r\n", "what it says is no HTTP"),
    ("https", b"?" * 9, "no TLS connection (wrong version number)"),
]


@pytest.mark.parametrize(("scheme", "words", "told"), SPEAKERS)
async def test_what_listens_there_is_no_api(tmp_path: Path, scheme: str, words: bytes, told: str):
    """It is told apart from what doesn't listen at all."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(words)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    recorder = Recorder(tmp_path)
    async with recorder.running(urls={"openai": f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"}):
        answer = await post(recorder)
    server.close()
    assert 502 == answer.status_code
    assert answer.json()["error"]["message"].endswith(f"can't be reached: {told}")


REASONS = [
    (httpx.ConnectTimeout("x"), "no connection within 10 s"),
    (httpx.ReadTimeout("x"), "no answer within 600 s"),
    (httpx.RemoteProtocolError("Server disconnected"), "it closed the connection without an answer"),
    (httpx.ConnectError("secret detail"), "ConnectError"),
]


@pytest.mark.parametrize(("error", "told"), REASONS)
def test_reasons(error: Exception, told: str):
    """Each is told in plain words, and none of a library's own words are passed on."""
    assert told == reason(error)
