"""The control API's operations on what happened: reset, the invoices, and waiting."""

from __future__ import annotations

import time
from typing import Final

from .control_bodies import Awaited, Query
from .control_desk import Desk, Problem, Provider, Result

WAITERS_MAX: Final = 100
"""Waits that may be open at once."""


async def reset(desk: Desk, name: str, _: None) -> Result:
    """Lift every standing, quota and grant of one provider; its pace, its keys and its invoices stay."""
    _reset(desk.find(name))
    return 200, {}


async def reset_all(desk: Desk, _: str, __: None) -> Result:
    """The same for every provider, and forget all invoices."""
    for each in desk.providers.values():
        _reset(each)
    desk.books.reset()
    return 200, {}


async def get_invoices(desk: Desk, _: str, query: Query) -> Result:
    """What was billed, in order; go on after `next`."""
    return 200, desk.books.find(query)


async def wait(desk: Desk, _: str, body: Awaited) -> Result:
    """Wait until there are enough invoices, or until a standing is reached; `met` says which came first."""
    books = desk.books
    if books.waiters >= WAITERS_MAX:
        raise Problem(503, "too-many-waits", "too many wait already", f"at most {WAITERS_MAX} waits at once")
    if body.state is not None:
        accounts = desk.find(body.provider or "").accounts

        def met() -> bool:
            return accounts.standing(**body.whom()) == body.state
    else:
        if body.provider is not None:
            desk.find(body.provider)

        def met() -> bool:
            there = books.count if body.provider is None else books.by_provider.get(body.provider, 0)
            return there >= (body.invoices or 0)

    began_s = time.monotonic()
    done = await books.until(met, body.timeout_s)
    return 200, {"met": done, "waited_s": time.monotonic() - began_s}


def _reset(provider: Provider) -> None:
    provider.accounts.reset()
    provider.dialect.forget()
    if provider.grants is not None:
        provider.grants.reset()
