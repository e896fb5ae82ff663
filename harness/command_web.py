"""What `banstorm run --web` adds: a page that shows the run, or one run after the other, while they go on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from .lines import tell

if TYPE_CHECKING:
    from . import events
    from .plan import Plan, Wish


def watched(play: Callable[[Wish], int], wish: Wish) -> int:
    """Play what is wished for with the live page served meanwhile, and give the exit code.

    Raises:
        HarnessError: when the page can't be served, or as `play`.
    """
    from .web import Web

    with Web() as web:
        tell(sys.stdout, [f"watch it: {web.url}"])
        return play(replace(wish, audience=web))


def with_audience(plan: Plan, listener: events.Listener) -> events.Listener:
    """A listener that passes each event on to whoever else watches the plan's run, if anybody does."""
    if plan.wish.audience is None:
        return listener
    other = plan.wish.audience.reader(plan)

    def both(event: events.Event) -> None:
        listener(event)
        other(event)

    return both
