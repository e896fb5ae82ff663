"""Shuts providers' doors while a timeline entry says so, and proves it by connections of our own.

What is shut is decided by comparing clocks, when a connection comes in; the timer only carries it out, and a connection
that would be taken late inside a window meets the shut door, too.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from .child import say
from .serving import background

if TYPE_CHECKING:
    from ..fakes.listener import Listener
    from .faults.timeline import Door, Timeline

CANARY_EVERY_S: Final = 1.0
"""Seconds between two connections of our own to a shut door."""
CANARIES_MAX: Final = 1000
"""Connections of our own that are told to the harness, for each provider; further ones are made and counted."""
NO_ANSWER_S: Final = 0.25
"""Seconds after which a connection of our own has met no answer."""
MARGIN_S: Final = 0.005
"""Seconds before an edge in which no such connection is under way, since the door moves once it is done."""
EDGE_S_MAX: Final = 3600.0
"""Longest sleep at once; then the clock is read again."""
_PROOF: Final = {"refused": "refused", "unreachable": "no answer"}


class Doors:
    """The doors of one host.

    Args:
        timeline: says when which door is shut.
        listeners: of each provider whose door an entry shuts.
        abort: ends every open connection of a provider, and writes down what was under way as the entry's.
    """

    def __init__(
        self, timeline: Timeline, listeners: Mapping[str, Listener], abort: Callable[[str, str], None]
    ) -> None:
        self._timeline = timeline
        self._listeners = listeners
        self._abort = abort
        self._shut: dict[str, str] = {}  # what was carried out, by provider
        self._told: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        for name, listener in listeners.items():
            listener.guard = lambda name=name: self._is_shut(name)

    def start(self) -> None:
        """Follow the timeline, which has started."""
        self._tasks = [background(self._follow(name)) for name in self._listeners]

    def stop(self) -> None:
        """Follow it no further."""
        for task in self._tasks:
            task.cancel()

    def _door(self, provider: str) -> Door:
        return self._timeline.door(provider, time.monotonic_ns())

    def _is_shut(self, provider: str) -> bool:
        """Asked by the listener before it takes a connection. If its timer is late, the door is shut here."""
        door = self._door(provider)
        if door.how is None:
            return False
        if self._shut.get(provider) != door.how and door.how == "refused":
            self._refuse(provider, door)
        return True  # what is to be ignored waits in the queue

    def _refuse(self, provider: str, door: Door) -> None:
        self._shut[provider] = "refused"
        self._listeners[provider].refuse()
        self._abort(provider, door.entry or "")

    async def _follow(self, provider: str) -> None:
        listener = self._listeners[provider]
        while True:
            door = self._door(provider)
            before = self._shut.get(provider)
            if door.how != before:
                if before is not None:
                    del self._shut[provider]
                    listener.open()
                if door.how == "refused":
                    self._refuse(provider, door)
                elif door.how == "unreachable":
                    self._shut[provider] = "unreachable"
                    if not await listener.ignore():
                        raise RuntimeError(f"the queue of {provider!r} can't be filled, so connections are answered")
            if door.how is not None or before is not None:
                await self._canary(provider, door)
            await self._until(door.next_ns, None if door.how is None else CANARY_EVERY_S)

    async def _until(self, next_ns: int | None, seconds: float | None) -> None:
        left_s = EDGE_S_MAX if next_ns is None else (next_ns - time.monotonic_ns()) / 1e9
        await asyncio.sleep(max(0.0, min(left_s, EDGE_S_MAX if seconds is None else seconds)))

    async def _canary(self, provider: str, door: Door) -> None:
        """Knock once, and be done before the door moves. It proves something only if the clock says that it did not."""
        at_ns = time.monotonic_ns()
        left_s = NO_ANSWER_S if door.next_ns is None else (door.next_ns - at_ns) / 1e9 - MARGIN_S
        if left_s <= 0:
            return
        found = await _knock(self._listeners[provider].address, min(NO_ANSWER_S, left_s))
        if self._door(provider).entry != door.entry:
            return
        wanted = "connected" if door.how is None else _PROOF[door.how]
        if door.entry is not None and found == wanted:
            self._timeline.prove(provider, door.entry, at_ns)
        told = self._told[provider] = self._told.get(provider, 0) + 1
        if told <= CANARIES_MAX:
            say("canary", provider=provider, entry=door.entry, at_ns=at_ns, found=found, wanted=wanted)


async def _knock(address: tuple[str, int], patience_s: float) -> str:
    """Connect once: connected, refused, or no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as canary:
        canary.setblocking(False)  # noqa: FBT003 - the socket module has it so
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(canary, address), patience_s)
        except TimeoutError:
            return "no answer"
        except OSError:
            return "refused"
    return "connected"
