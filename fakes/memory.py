"""What a fake remembers of the latest requests: one that comes again is understood and answered the same way again.

Answers are pure functions of requests, so a load test that asks one question over and over need not have it read and
composed anew each time. Requests that differ, as marked ones do, cost a look that finds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable

    from .dialects.base import Answer, Ask, Reply

REQUESTS_MAX: Final = 64
"""Requests that are remembered; when there are more, all are forgotten."""
SEEN_MAX: Final = 256
"""Requests that are noted as seen once; when there are more, all are forgotten."""
BODY_BYTES_MAX: Final = 2 * 1024
"""Largest body of a request that is remembered."""


class Known:
    """A request: what was understood of it, and what it was answered with.

    Attributes:
        ask: What was understood.
        entity: What seeds its ids and its pace.
        created_s: The second, since 1970, that `answer` says it was made in.
        answer: Its answer.
        reply: That answer in one piece, once it was written so.
    """

    __slots__ = ("answer", "ask", "created_s", "entity", "reply")

    def __init__(self, ask: Ask, entity: str) -> None:
        self.ask = ask
        self.entity = entity
        self.created_s = 0
        self.answer: Answer | None = None
        self.reply: Reply | None = None


class Memory:
    """The latest requests of a fake."""

    __slots__ = ("_known", "_seen")

    def __init__(self) -> None:
        self._known: dict[Hashable, Known] = {}
        self._seen: set[int] = set()

    def find(self, key: Hashable) -> Known | None:
        """The request with that key, if it came before."""
        return self._known.get(key) if self._known else None

    def keep(self, key: Hashable, known: Known) -> None:
        """Remember a request when it comes for the second time; until then its hash is noted."""
        mark = hash(key)
        if mark not in self._seen:
            if len(self._seen) >= SEEN_MAX:
                self._seen.clear()
            self._seen.add(mark)
            return
        if len(self._known) >= REQUESTS_MAX:
            self._known.clear()
        self._known[key] = known
