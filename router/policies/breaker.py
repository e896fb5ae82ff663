"""Circuit breaker: leave a provider that fails, and find out cheaply when it is back.

```
            N failures in a row, a share of failures, a ban or a rate limit
   CLOSED ──────────────────────────────────────────────────────────────────▶ OPEN
      ▲                                                                        │ cooldown over
      │ the probe worked                                                       ▼
      └──────────────────────────────────────────────────────────────── HALF_OPEN (one probe)
                                                                               │ the probe failed: a longer cooldown
                                                                               └──────────────▶ OPEN
```

Every attempt holds a `Ticket`. A ticket from before the last change of state says nothing about the present one: when
a provider hangs, a hundred late failures must neither lengthen the cooldown nor reopen a breaker that a probe has
just closed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ..errors import ACCIDENTS, PERMANENT, Failure, Meaning


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Settings(Protocol):
    """What a breaker needs to know; `config.Breaker` is one. Durations in seconds."""

    @property
    def enabled(self) -> bool: ...  # noqa: D102 - see config.Breaker for each
    @property
    def failures_in_a_row(self) -> int: ...  # noqa: D102
    @property
    def failure_share(self) -> float: ...  # noqa: D102
    @property
    def failures_min(self) -> int: ...  # noqa: D102
    @property
    def window(self) -> float: ...  # noqa: D102
    @property
    def cooldown(self) -> float: ...  # noqa: D102
    @property
    def cooldown_growth(self) -> float: ...  # noqa: D102
    @property
    def cooldown_max(self) -> float: ...  # noqa: D102
    @property
    def jitter(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to make one attempt; hand it back with `succeeded`, `failed` or `abandoned`."""

    epoch: int
    probe: bool = False


class Breaker:
    """One circuit breaker.

    Args:
        settings: Thresholds and waits.
        clock: Seconds that only go forward.
        chance: A number in [0, 1) for the n-th opening; sets the jitter.
        changed: Called with each new state.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float],
        chance: Callable[[int], float],
        changed: Callable[[State], None] = lambda _state: None,
    ) -> None:
        self._settings, self._clock, self._chance, self._changed = settings, clock, chance, changed
        self.state = State.CLOSED
        self.last_failure: Failure | None = None
        self._epoch = 0
        self._open_until = 0.0
        self._closed_at = float("-inf")
        self._streak = 0  # openings without a quiet time in between: sets the length of the cooldown
        self._openings = 0
        self._in_a_row = 0
        self._recent: deque[tuple[float, bool]] = deque(maxlen=1000)
        self._recent_bad = 0

    def admit(self) -> Ticket | None:
        """Ask for an attempt. None means no; a ticket with `probe` means that this one decides."""
        if self.state is State.CLOSED or not self._settings.enabled:
            return Ticket(self._epoch)
        if self.due:
            self._move(State.HALF_OPEN)
            return Ticket(self._epoch, probe=True)
        return None

    @property
    def available(self) -> bool:
        """Whether calls are sent here without further thought."""
        return self.state is State.CLOSED or not self._settings.enabled

    @property
    def due(self) -> bool:
        """Whether the next one to ask is given a probe."""
        return self.state is State.OPEN and self._clock() >= self._open_until

    @property
    def wait_s(self) -> float:
        """Seconds until the next probe may leave; 0 if one may, or if it is closed."""
        return max(0.0, self._open_until - self._clock()) if self.state is State.OPEN else 0.0

    @property
    def last_resort(self) -> bool:
        """Whether asking is better than giving up: it failed by accident, and nobody told us to stay away."""
        failure = self.last_failure
        return failure is not None and failure.meaning in ACCIDENTS

    def forced(self) -> Ticket:
        """A ticket for a last resort: an accident changes nothing, a success closes the breaker."""
        return Ticket(self._epoch)

    def succeeded(self, ticket: Ticket) -> None:
        """The attempt got its answer (or the stream its first token)."""
        if ticket.epoch != self._epoch:
            return
        if self.state is State.CLOSED:
            self._in_a_row = 0
            self._note(failed=False)
            return
        self._closed_at = self._clock()
        self._in_a_row = 0
        self._recent.clear()
        self._recent_bad = 0
        self._move(State.CLOSED)

    def failed(self, ticket: Ticket, failure: Failure) -> None:
        """The attempt failed. A failure that isn't the provider's frees the ticket and moves nothing."""
        if failure.meaning in {Meaning.REQUEST, Meaning.UNFIT}:
            self.abandoned(ticket)
            return
        if ticket.epoch != self._epoch or not self._settings.enabled:
            return
        if self.state is State.CLOSED:
            self._in_a_row += 1
            self._note(failed=True)
            if self._too_many(failure):
                self._open(failure)
        elif ticket.probe or failure.meaning in PERMANENT or failure.meaning is Meaning.LIMITED:
            # Without a probe it was a last resort. It opens again only if it was told something new: stay away.
            self._open(failure)

    def abandoned(self, ticket: Ticket) -> None:
        """The attempt ended without saying anything about the provider: its caller left, or was at fault."""
        if ticket.probe and ticket.epoch == self._epoch and self.state is State.HALF_OPEN:
            self._open_until = self._clock()
            self._move(State.OPEN)

    def _too_many(self, failure: Failure) -> bool:
        if failure.meaning in PERMANENT or failure.meaning is Meaning.LIMITED:
            return True
        if self._in_a_row >= self._settings.failures_in_a_row:
            return True
        return len(
            self._recent
        ) >= self._settings.failures_min and self._recent_bad >= self._settings.failure_share * len(self._recent)

    def _note(self, *, failed: bool) -> None:
        now = self._clock()
        recent = self._recent
        if len(recent) == recent.maxlen:
            self._recent_bad -= recent.popleft()[1]
        recent.append((now, failed))
        self._recent_bad += failed
        horizon = now - self._settings.window
        while recent[0][0] < horizon:
            self._recent_bad -= recent.popleft()[1]

    def _open(self, failure: Failure) -> None:
        now = self._clock()
        settings = self._settings
        # A provider that comes and goes keeps its long cooldown; a quiet time as long as the longest one resets it.
        if self.state is State.CLOSED and now - self._closed_at > settings.cooldown_max:
            self._streak = 0
        # The exponent is bounded so that a year of failed probes can't overflow a float.
        grown = settings.cooldown * settings.cooldown_growth ** min(self._streak, 200)
        wait = min(settings.cooldown_max, grown)
        if failure.retry_after_s is not None and failure.retry_after_s > 0:
            # The provider knows best, and asking earlier is what turns a limit into a ban.
            wait = failure.retry_after_s if failure.meaning is Meaning.LIMITED else max(wait, failure.retry_after_s)
        self._openings += 1
        self._streak += 1
        self._open_until = now + wait * (1 + settings.jitter * self._chance(self._openings))
        self.last_failure = failure
        self._move(State.OPEN)

    def _move(self, state: State) -> None:
        self.state = state
        self._epoch += 1
        self._changed(state)
