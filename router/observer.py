"""What the router tells about itself: plain events for any number of readers (metrics, the call log, tests)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import Attempt, Failure
from .policies.breaker import State


@dataclass(slots=True)
class CallRecord:
    """One call, from the caller's request to the last byte of its answer.

    Attributes:
        stream: Whether the caller asked for a stream.
        outcome: `ok`, `rejected` (the caller's fault), `exhausted`, `interrupted` (after the first token), `cancelled`.
        provider: Who answered, empty if nobody did.
        attempts: Failed attempts, in order.
        skipped: Providers that were not asked, with the reason.
        duration_s: From first to last, in seconds.
        first_token_s: To the first token of a stream, in seconds; None if there was none.
    """

    stream: bool
    outcome: str = ""
    provider: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    started_s: float = 0.0
    duration_s: float = 0.0
    first_token_s: float | None = None
    attempts_made: int = 0


class Observer:
    """Hears what happens; the base class ignores it all. Methods must be quick and must not raise."""

    def attempt_succeeded(self, provider: str, model: str, tokens: tuple[int, int, int]) -> None:
        """A provider answered; input, output and cached tokens as it counted them."""

    def attempt_failed(self, provider: str, model: str, failure: Failure) -> None:
        """A provider failed."""

    def attempt_cancelled(self, provider: str, model: str) -> None:
        """An attempt was dropped before its end: its caller left, or a probe's answer wasn't needed."""

    def failed_over(self, provider: str, to: str, reason: str) -> None:
        """A call moved on after a failure."""

    def breaker_moved(self, provider: str, state: State, failure: Failure | None) -> None:
        """A breaker changed its state."""

    def call_ended(self, record: CallRecord) -> None:
        """A call is over."""
