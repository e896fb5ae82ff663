"""The latest invoices of all providers, in memory: to be queried, and waited for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from .control_bodies import Query
from .invoice import Bill

INVOICES_MAX: Final = 100_000
"""Invoices that are kept; beyond it the oldest are forgotten."""
LOOK_S: Final = 0.02
"""Seconds between two looks at a condition that is waited for: clocks tell nobody when they pass a moment."""


class Books:
    """The latest invoices of all providers, numbered from 1; `kept` is how many."""

    def __init__(self, kept: int = INVOICES_MAX) -> None:
        self._rows: deque[Bill] = deque(maxlen=kept)
        self.count = 0
        self.by_provider: dict[str, int] = {}
        self._news: set[asyncio.Event] = set()
        self._closed = False
        self._idle = asyncio.Event()

    def add(self, bill: Bill) -> None:
        """Keep an invoice."""
        self.count += 1
        self.by_provider[bill.provider] = self.by_provider.get(bill.provider, 0) + 1
        self._rows.append(bill)
        for news in self._news:
            news.set()

    def find(self, query: Query) -> dict[str, Any]:
        """The invoices that a query asks for, in order, and the number to go on after."""
        wanted = query.model_dump(exclude_none=True, exclude={"after", "limit"})
        rows: list[dict[str, Any]] = []
        last = query.after
        for number, bill in enumerate(self._rows, self.count - len(self._rows) + 1):
            if number <= query.after:
                continue
            if len(rows) >= query.limit:
                break
            last = number
            if all(getattr(bill, name) == value for name, value in wanted.items()):
                rows.append({"number": number, **asdict(bill)})
        return {"invoices": rows, "next": last, "count": self.count}

    def reset(self) -> None:
        """Forget every invoice and count from 1 again."""
        self._rows.clear()
        self.by_provider.clear()
        self.count = 0

    async def until(self, met: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `met`, looked at with each invoice and every `LOOK_S` seconds; False if it takes too long."""
        news = asyncio.Event()
        self._news.add(news)
        end_s = time.monotonic() + timeout_s
        try:
            while not met():
                left_s = end_s - time.monotonic()
                if left_s <= 0 or self._closed:
                    return False
                news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, LOOK_S)):
                        await news.wait()
            return True
        finally:
            self._news.discard(news)
            if not self._news:
                self._idle.set()

    async def close(self) -> None:
        """End every wait, and return once those who waited were told: the fakes stop then."""
        self._closed = True
        self._idle.clear()
        for news in self._news:
            news.set()
        if self._news:
            await self._idle.wait()
        await asyncio.sleep(0)  # the last of them sends its answer before this goes on

    @property
    def waiters(self) -> int:
        """How many wait."""
        return len(self._news)
