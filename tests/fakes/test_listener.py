"""A listener that can be shut for a while and opened again on the same port."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator

import pytest
from banstorm.fakes.listener import Listener

NO_ANSWER_S = 0.1


class Greeting(asyncio.Protocol):
    """Says one byte and leaves."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"!")
        transport.close()


def listening(port: int = 0) -> socket.socket:
    """A listening socket."""
    made = socket.create_server(("127.0.0.1", port))
    made.settimeout(0)
    return made


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A listener that greets."""
    made = Listener(listening(), 16, Greeting)
    yield made
    made.close()


async def knock(listener: Listener) -> str:
    """What a caller meets: a greeting, an errno's name, or "no answer"."""
    writer = None
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(*listener.address), NO_ANSWER_S)
        return (await reader.read()).decode()
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    finally:
        if writer is not None:
            writer.close()


async def test_it_opens_again_as_often_as_it_is_shut(listener: Listener) -> None:
    """Refused, taken, unanswered, taken, on one port throughout."""
    assert "!" == await knock(listener)
    for _ in range(2):
        listener.refuse()
        assert "ECONNREFUSED" == await knock(listener)
        listener.open()
        assert "!" == await knock(listener)
        assert await listener.ignore()
        assert "no answer" == await knock(listener)
        listener.open()
        assert "!" == await knock(listener)


async def test_nobody_else_gets_the_port_meanwhile(listener: Listener) -> None:
    """While connections are refused the port stays ours."""
    listener.refuse()
    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(listener.address)
    listener.open()
    assert "!" == await knock(listener)


async def test_a_guard_keeps_connections_from_being_taken_late(listener: Listener) -> None:
    """Whoever knows by the clock that the door should be shut shuts it before the connection is taken."""

    def guard() -> bool:
        listener.refuse()
        return True

    listener.guard = guard
    assert "ECONNRESET" == await knock(listener)  # it was in the queue already
    assert "ECONNREFUSED" == await knock(listener)


async def test_running_out_of_files_is_waited_out(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without a free file takes the connection once it has one again."""
    real, tries = listener._socket, []

    class Exhausted:
        """Has no file for the first two."""

        def accept(self) -> object:
            tries.append(1)
            if len(tries) <= 2:
                raise OSError(errno.EMFILE, "too many open files")
            return real.accept()

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    monkeypatch.setattr(listener, "_socket", Exhausted())
    reader, writer = await asyncio.open_connection(*listener.address)
    assert b"!" == await reader.read()
    assert len(tries) >= 3
    writer.close()
    monkeypatch.setattr(listener, "_socket", real)
