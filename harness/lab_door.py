"""Shuts a lab provider's door while the timeline says so: connections are refused, or never answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from .errors import HarnessError

if TYPE_CHECKING:
    from ..fakes.listener import Listener
    from .faults.timeline import Door, Timeline
    from .lab_clock import LabClock


class LabDoor:
    """The door of one provider. `settle` makes it what the clock says; so does a timer, and each new connection.

    Args:
        provider: Its name.
        listener: What takes its connections.
        clock: The lab's.
        began: Called before a connection is taken: the first one starts the timeline.
        abort: Ends every open connection, and writes down what was under way as the entry's.
    """

    def __init__(
        self,
        provider: str,
        listener: Listener,
        clock: LabClock,
        began: Callable[[], None],
        abort: Callable[[str], None],
    ) -> None:
        self.timeline: Timeline | None = None
        self.shut_ns: list[tuple[int, int | None]] = []
        """When it was shut, on the lab's clock; an end of None is still to come."""
        self._provider = provider
        self._listener = listener
        self._clock = clock
        self._began = began
        self._abort = abort
        self._how: str | None = None
        self._changing = asyncio.Lock()
        self._moved = asyncio.Event()
        listener.guard = self._is_shut
        self._following = asyncio.get_running_loop().create_task(self._follow())

    def was_shut(self, at_ns: int) -> bool:
        """Whether it was shut at a moment of the lab's clock."""
        return any(from_ns <= at_ns and (until_ns is None or at_ns < until_ns) for from_ns, until_ns in self.shut_ns)

    async def settle(self) -> None:
        """Make the door what the timeline says it is by now."""
        async with self._changing:
            await self._carry_out()
        self._moved.set()  # the timer counts from here

    def wake(self) -> None:
        """The timeline has begun, or may want the door otherwise by now: look again, and set the timer anew."""
        self._moved.set()

    def check(self) -> None:
        """That the door has done what the timeline says.

        Raises:
            HarnessError: when it could not.
        """
        if self._following.done() and not self._following.cancelled():
            self._following.result()

    def close(self) -> None:
        """Follow the timeline no further."""
        self._following.cancel()

    def _is_shut(self) -> bool:
        """Asked by the listener before it takes a connection: its timer may be late."""
        self._began()
        door = self._door()
        if door is None or door.how is None:
            return False
        if self._how is None and door.how == "refused":
            self._refuse(door.entry or "")
        self.wake()  # it shuts a door that nobody is to reach, and opens either when it is time
        return True

    def _door(self) -> Door | None:
        if self.timeline is None or self._clock.started_ns is None:
            return None
        return self.timeline.door(self._provider, self._clock.now_ns())

    def _refuse(self, entry: str) -> None:
        self._note("refused")
        self._listener.refuse()
        self._abort(entry)
        self._prove(entry)

    async def _carry_out(self) -> None:
        door = self._door()
        how = None if door is None else door.how
        if how == self._how:
            return
        if self._how is not None:
            self._note(None)
            self._listener.open()
        if how == "refused" and door is not None:
            self._refuse(door.entry or "")
        elif how == "unreachable" and door is not None:
            self._note(how)
            if not await self._listener.ignore():
                what = f"nobody should reach {self._provider!r}, but its queue of connections can't be filled"
                raise HarnessError(what, door.entry or "", "play hang or connection_refused in its place")
            self._prove(door.entry or "")

    def _note(self, how: str | None) -> None:
        now_ns = self._clock.now_ns()
        if how is None:
            self.shut_ns[-1] = (self.shut_ns[-1][0], now_ns)
        else:
            self.shut_ns.append((now_ns, None))
        self._how = how

    def _prove(self, entry: str) -> None:
        """Count the shut door as met: a refused connection leaves no other trace."""
        if self.timeline is not None:
            self.timeline.prove(self._provider, entry, self._clock.now_ns())

    async def _follow(self) -> None:
        while True:
            async with self._changing:
                await self._carry_out()
            door = self._door()
            wait_s = None if door is None or door.next_ns is None else self._clock.wait_s(door.next_ns)
            self._moved.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._moved.wait()
            except TimeoutError:
                continue
