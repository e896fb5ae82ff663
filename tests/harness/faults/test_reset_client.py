"""A connection that is gone already is not reset once more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import uvloop
from banstorm.harness.injector_master import LeanMaster


class _Client:
    """Stands for mitmproxy's client."""

    id = "one"


async def _gone() -> asyncio.StreamWriter:
    """The writer of a connection that was aborted, as a door does it that shuts."""
    arrived: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: arrived.set_result(writer), "127.0.0.1", 0)
    _, mine = await asyncio.open_connection(*server.sockets[0].getsockname())
    theirs = await arrived
    theirs.transport.abort()
    mine.close()
    await mine.wait_closed()
    server.close()
    return theirs


def test_a_connection_that_a_door_has_shut_is_left_alone():
    """A request that was about to be reset loses its connection to a door: nothing is left to do, and nothing fails."""

    async def reset() -> None:
        client: Any = _Client()
        handler = SimpleNamespace(transports={client: SimpleNamespace(writer=await _gone())})
        master: Any = SimpleNamespace(core=SimpleNamespace(connections={client.id: handler}))
        await LeanMaster.reset_client(master, client)

    uvloop.run(reset())
