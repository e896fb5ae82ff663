"""What the timeline does to connections through the proxy, before there is a request: doors that are shut, bad TLS."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from .faults import find
from .faults.tls_broken import TlsBroken

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..scenarios.model import Scenario
    from .faults.timeline import Timeline
    from .faults.tls_broken import Flaw

LOOK_S: Final = 0.02
"""Seconds between two looks for a window that has opened: idle connections wait for it, no handshake does."""


class Flaws:
    """Asks the timeline by the clock, and tells it which connections an entry has met."""

    def __init__(self, scenario: Scenario, timeline: Timeline) -> None:
        self._timeline = timeline
        self._how: dict[str, Flaw] = {}
        self._providers: set[str] = set()
        for index, entry in enumerate(scenario.timeline):
            if entry.fault is not None and issubclass(find(entry.fault), TlsBroken):
                self._how[entry.id_at(index)] = TlsBroken.model_validate(entry.with_).how
                self._providers.update(entry.on)

    def door(self, provider: str) -> str | None:
        """How the provider's door is shut now, None if it is open. Whoever asks has met it."""
        now_ns = time.monotonic_ns()
        door = self._timeline.door(provider, now_ns)
        if door.entry is not None and door.how == "refused":
            self._timeline.prove(provider, door.entry, now_ns)
        return door.how

    def handshake(self, provider: str) -> Flaw | None:
        """What is wrong with the handshake that begins now."""
        now_ns = time.monotonic_ns()
        entry = self._entry(provider, now_ns)
        if entry is None:
            return None
        self._timeline.prove(provider, entry, now_ns)
        return self._how[entry]

    def is_broken(self, provider: str) -> bool:
        """Whether handshakes fail now."""
        return self._entry(provider, time.monotonic_ns()) is not None

    def _entry(self, provider: str, now_ns: int) -> str | None:
        if provider not in self._providers:
            return None
        return next((each for each in self._timeline.active(provider, now_ns) if each in self._how), None)

    async def follow(self, opened: Callable[[str], None]) -> None:
        """Call `opened` with a provider whenever its handshakes begin to fail, until cancelled."""
        before: set[str] = set()
        while self._providers:
            broken = {provider for provider in self._providers if self.is_broken(provider)}
            for provider in broken - before:
                opened(provider)
            before = broken
            await asyncio.sleep(LOOK_S)
