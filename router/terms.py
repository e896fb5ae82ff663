"""Terms: what a caller may be served with, and how long it waits. They hold on every path, failover included.

There is one place where lanes are chosen for a call, and it lets only lanes through that the terms permit: no later
round can bring one back.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import RequestRejected

if TYPE_CHECKING:
    from .lane import Lane
    from .provider import LLMProvider


@dataclass(frozen=True, slots=True)
class Terms:
    """A caller's terms. None permits all.

    Attributes:
        caller: Its name in logs; a name from the configuration, never a key.
        models: Models that may answer, as providers call them.
        regions: Regions that may compute; a provider without one is in none.
        providers: Providers that may be asked.
        disable_fallbacks: Whether only the first permitted provider may be asked.
        timeout_s: How long the caller waits for a whole answer, in seconds.
        silence_s: How long it waits for anything: a plain answer, or a stream's first token.
    """

    caller: str = ""
    models: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    providers: frozenset[str] | None = None
    disable_fallbacks: bool = False
    timeout_s: float | None = None
    silence_s: float | None = None

    def permit(self, lane: Lane) -> bool:
        """Whether this lane may serve."""
        return self.allow(lane.provider, lane.model)

    def allow(self, provider: LLMProvider, model: str) -> bool:
        """Whether this provider may serve with this model."""
        return (
            (self.models is None or model in self.models)
            and (self.regions is None or provider.profile.region in self.regions)
            and (self.providers is None or provider.name in self.providers)
        )


OPEN = Terms()
"""Everything is permitted."""

CURRENT: ContextVar[Terms] = ContextVar("terms", default=OPEN)
"""The terms of the call that is being served; a request takes them on when it is made."""


def permitted(lanes: Sequence[Lane], terms: Terms) -> Sequence[Lane]:
    """The lanes that may serve a call, still in their order.

    Raises:
        RequestRejected: None may.
    """
    if terms is not OPEN:
        lanes = [lane for lane in lanes if terms.permit(lane)]
        if not lanes:
            message = "no provider is permitted for this caller: its models, regions and providers leave none"
            raise RequestRejected(
                403, {"message": message, "type": "permission_error", "param": None, "code": "not_permitted"}
            )
    return lanes


def without_fallbacks(lanes: Sequence[Lane], terms: Terms) -> Sequence[Lane]:
    """Where failing over is forbidden: the first provider's own lanes alone, even if it is out."""
    return [lane for lane in lanes if lane.name == lanes[0].name] if terms.disable_fallbacks else lanes
