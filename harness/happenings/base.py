"""What an event on the system itself is: something that happens to the router or to its callers, not to a provider.

An event's file defines ``HAPPENING``, a subclass of `Happening`; its name is the file's name, its docstring the
documentation. When it is due is decided by comparing clocks; carrying it out takes the time it takes, and the ledger
tells when it really happened.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol


class Router(Protocol):
    """The process of a router that we started."""

    async def kill(self) -> None:
        """End it at once, by SIGKILL, and wait until it is gone."""

    async def terminate(self) -> None:
        """Ask it to end, by SIGTERM, and wait until it is gone; it is killed if it takes too long."""

    async def again(self) -> None:
        """Start it again as it was started, once it is gone."""

    def pause(self) -> None:
        """Stop it where it is, by SIGSTOP."""

    def resume(self) -> None:
        """Let it go on, by SIGCONT."""


class Happening:
    """An event. Override what happens at its start, and at its end if it lasts."""

    to: ClassVar[Literal["router", "callers"]] = "router"
    """Whom it happens to. The router must be one that we started."""
    lasts: ClassVar[bool] = False
    """Whether it has an end of its own (`until`), or is over as soon as it was carried out."""
    shares: ClassVar[bool] = False
    """Whether it takes a `share`."""
    down: ClassVar[bool] = False
    """Whether the router is started anew, so that it is over only when somebody answers again."""

    async def begin(self, router: Router) -> None:
        """Carry it out. Events of callers are carried out by the load generator."""

    async def end(self, router: Router) -> None:
        """Undo it, at its end."""
