"""What a player is: one SDK's client, asked one question in the way of its users."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from types import ModuleType
from typing import Any, ClassVar

TIMEOUT_S = 20
"""Seconds that a client waits for an answer: a fake that hangs fails its test."""


async def settle(value: Any) -> Any:
    """The value itself, or what it becomes when awaited."""
    return await value if inspect.isawaitable(value) else value


class Player(ABC):
    """One client of one SDK, with the SDK's own settings for retries.

    Args:
        root: Where the server listens, with the path of its stage.
        flavour: "sync" or "async".
        retrying: Whether to tell an SDK to retry that doesn't by itself.
    """

    flavours: tuple[str, ...] = ("sync", "async")
    has_request_ids = False
    """Whether `request_id` finds the vendor's id of the request in an exception."""

    clock: ClassVar[ModuleType | None] = None
    """The SDK's module that looks at the clock between tries, if one does."""
    got: list[Any]
    """What the last stream yielded, up to its exception if it raised one."""

    @abstractmethod
    def __init__(self, root: str, flavour: str, *, retrying: bool) -> None: ...

    @abstractmethod
    async def ask(self, *, stream: bool) -> Any:
        """The answer to "hello", or the list of what its stream yields."""

    async def collect(self, stream: Any) -> list[Any]:
        """Everything that a stream of either flavour yields."""
        self.got = []
        if hasattr(stream, "__aiter__"):
            async for item in stream:
                self.got.append(item)
        else:
            for item in stream:
                self.got.append(item)
        return self.got

    @abstractmethod
    def status(self, error: Any) -> int | None:
        """The status that the SDK's exception tells."""

    @abstractmethod
    def says(self, error: Any) -> str | None:
        """The vendor's code as the exception tells it."""

    @abstractmethod
    def sees(self, answer: Any) -> str:
        """What a caller sees of an answer that raised nothing: `answer` is one, or the list of a stream's items."""

    def request_id(self, error: Any) -> str | None:
        """The vendor's id of the request."""
        return None

    @abstractmethod
    async def close(self) -> None:
        """Close the client's connections."""
