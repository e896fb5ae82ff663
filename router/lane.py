"""A lane: one provider together with what the policies remember about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import Failure
from .policies.breaker import Breaker, Settings, State
from .policies.patience import Patience
from .provider import AttemptLimits, LLMProvider


# Compared by identity: two lanes are the same only if they are the same object.
@dataclass(slots=True, eq=False)
class Lane:
    """A provider and its standing. What keys on a lane may later be finer than a provider (its model, its credential).

    Attributes:
        provider: Who is asked.
        breaker: Whether it is asked.
        patience: How long its plain answers are waited for.
        limits: Time limits of one attempt, in seconds.
    """

    provider: LLMProvider
    breaker: Breaker
    patience: Patience
    limits: AttemptLimits

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    @property
    def available(self) -> bool:
        """Whether calls are sent here without further thought."""
        return self.breaker.available and self.provider.is_available()

    @property
    def due(self) -> bool:
        """Whether the next call may find out if it is back."""
        return self.breaker.due and self.provider.is_available()

    def why_not(self) -> str:
        """The reason it isn't asked, for errors and logs."""
        if not self.provider.is_available():
            return f"{self.name}: not configured to be asked"
        failure = self.breaker.last_failure
        reason = failure.reason if failure else "unknown"
        return f"{self.name}: breaker {self.breaker.state} after {reason}, next probe in {self.breaker.wait_s:.1f} s"


def make_lane(
    provider: LLMProvider,
    *,
    settings: Settings,
    limits: AttemptLimits,
    clock: Callable[[], float],
    chance: Callable[[str, int], float],
    changed: Callable[[str, State, Failure | None], None],
) -> Lane:
    """A lane with nothing remembered.

    Args:
        provider: Who is asked.
        settings: The breaker's.
        limits: Time limits of one attempt.
        clock: Seconds that only go forward.
        chance: A number in [0, 1) for an entity and a count.
        changed: Called with the provider's name, its breaker's new state and the failure that last opened it.
    """
    name = provider.name
    breaker = Breaker(
        settings,
        clock=clock,
        chance=lambda n: chance(f"breaker {name}", n),
        changed=lambda state: changed(name, state, breaker.last_failure),
    )
    return Lane(provider, breaker, Patience(limits.first_token_s, limits.answer_s), limits)
