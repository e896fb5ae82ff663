"""The router's log never holds up a call: not though whoever reads it has stopped reading."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading

import httpx
import pytest
from banstorm.router.log_lines import LogLines


class Reader:
    """The far end of a pipe; it reads only when it is told to."""

    def __init__(self) -> None:
        self.far, self.near = os.pipe()

    def until(self, text: bytes, limit: int = 1 << 24) -> bytes:
        """All that comes until `text` has come."""
        got = b""
        while text not in got and len(got) < limit:
            got += os.read(self.far, 65536)
        return got


@pytest.fixture
def pipe():
    """A pipe, closed at the end."""
    reader = Reader()
    yield reader
    for descriptor in (reader.near, reader.far):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def test_lines_come_whole_and_in_order(pipe):
    """What is written while somebody reads arrives, line by line, and nothing is dropped."""
    lines = LogLines(pipe.near)
    for n in range(1000):
        lines.line(f"line {n}")
    got = pipe.until(b"line 999\n").decode().splitlines()
    assert [f"line {n}" for n in range(1000)] == got
    assert 0 == lines.dropped
    lines.close()


def test_a_full_pipe_stops_nobody(pipe):
    """Whoever writes goes on when nobody reads: lines wait up to the limit, and the rest is dropped and counted."""
    lines = LogLines(pipe.near, bytes_max=200_000)
    text = "x" * 999
    for _ in range(1000):  # a megabyte into a pipe that takes a part of it: written to directly, this would never end
        lines.line(text)
    assert 0 < lines.dropped < 1000
    dropped = lines.dropped
    got = pipe.until(b"log_lines_dropped").decode().splitlines()
    told = json.loads(got[-1])
    assert ("log_lines_dropped", dropped) == (told["event"], told["lines"])
    assert [text] * (1000 - dropped) == got[:-1]
    lines.line("later")  # there is room again
    assert b"later\n" in pipe.until(b"later\n")
    assert dropped == lines.dropped
    lines.close()


def test_the_end_waits_for_a_reader_but_not_for_ever(pipe):
    """Closing lets what waits leave, and gives up on a pipe that nobody reads."""
    lines = LogLines(pipe.near)
    lines.line("x" * 500_000)
    lines.close(limit_s=0.01)
    kept = LogLines(os.dup(pipe.near))
    reading = threading.Thread(target=pipe.until, args=(b"last words\n",))
    reading.start()
    kept.line("last words")
    kept.close()
    reading.join(10)
    assert not reading.is_alive()


def test_a_reader_that_has_gone(pipe):
    """A broken pipe loses lines, which are counted, and stops nobody."""
    os.close(pipe.far)
    lines = LogLines(pipe.near)
    lines.line("to nobody")
    lines.close(limit_s=10)
    assert 1 == lines.dropped


async def test_the_service_answers_while_nobody_reads_its_log(upstream, tmp_path):
    """With the call log on and its pipe full, every call is answered; what was dropped is in the metrics, if any."""
    first = await upstream("anthropic")
    config = {
        "listen": {"host": "127.0.0.1", "port": 0},
        "providers": [
            {"name": "a", "dialect": "anthropic", "base_url": first.url, "model": "claude", "api_key": "sk-a-secret"}
        ],
        "log": {"calls": True},
    }
    file = tmp_path / "router.yaml"
    file.write_text(json.dumps(config))
    far, near = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "banstorm.router", "--config", str(file), stderr=near
    )
    os.close(near)
    try:
        with os.fdopen(os.dup(far), buffering=1) as stderr:
            hello = await asyncio.to_thread(stderr.readline)
        url = hello.split()[-1]
        body = {"model": "best", "messages": [{"role": "user", "content": "hello"}]}
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            for _ in range(400):  # 400 lines of some 400 bytes: more than the 64 KiB that a pipe takes
                assert 200 == (await client.post(f"{url}/v1/chat/completions", json=body)).status_code
            shown = (await client.get(f"{url}/metrics")).text
        assert "llm_log_lines_dropped_total 0.0" in shown
        process.send_signal(signal.SIGTERM)
        assert 0 == await asyncio.wait_for(process.wait(), 15)
    finally:
        os.close(far)
        if process.returncode is None:
            process.kill()
            await process.wait()
