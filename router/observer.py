"""What the router tells about itself: plain events for any number of readers (metrics, the call log, tests)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .errors import Attempt, Failure
from .messages import LLMRequest
from .money import Bill
from .policies.breaker import State


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """One attempt at one provider, after its end.

    Attributes:
        provider: Who was asked.
        credential: Which of its credentials, by name; empty if there is one.
        model: What it was asked for.
        outcome: `ok`, `failed`, `rejected` (the request's own fault, or not one for this provider), or `cancelled`
            (its caller left, or a probe's or hedge's answer wasn't needed).
        seconds: From its start to its end; a stream's to its last piece.
        first_token_s: To a stream's first token, in seconds; None if there was none.
        bill: What it cost.
        failure: Why it failed.
        call: The call that it was made for; a probe may outlive it.
        dialect: Which API the provider speaks.
        response_model: The model as the provider reported it, empty if it didn't.
    """

    provider: str
    credential: str
    model: str
    outcome: str
    seconds: float
    first_token_s: float | None
    bill: Bill
    failure: Failure | None = None
    call: CallRecord | None = field(default=None, repr=False)
    dialect: str = ""
    response_model: str = ""


@dataclass(frozen=True, slots=True)
class BreakerMove:
    """A breaker changed its state.

    Attributes:
        provider: Whose it is.
        credential: Of which credential, by name.
        model: Of which model.
        scope: `all` attempts, or its `streams`.
        state: Where it stands now.
        failure: What last opened it.
        available: Whether any lane of the provider is open to calls now.
    """

    provider: str
    credential: str
    model: str
    scope: str
    state: State
    failure: Failure | None
    available: bool


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
        model: What that provider was asked for.
        credential: Which of its credentials, by name.
        caller: Who asked, by the name that the configuration gives them.
        why: Why that provider: `preferred`, `failover`, `probe`, `last_resort`, `retry`, `waited` or `hedge`.
        waited_s: Spent waiting for somebody to come back, in seconds.
        usd: What all its attempts cost so far, as far as prices are known.
        old_answer_of: Whose answer of before (`last_good`) the caller of an exhausted call got, empty if none.
        notes: What else is worth telling (`costs 4.2 times the preferred`).
        request: What was asked; it holds the prompt, which no observer may tell.
        trace: For the one observer that makes spans.
    """

    stream: bool
    outcome: str = ""
    provider: str = ""
    model: str = ""
    credential: str = ""
    caller: str = ""
    why: str = ""
    waited_s: float = 0.0
    usd: float = 0.0
    old_answer_of: str = ""
    notes: list[str] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    started_s: float = 0.0
    duration_s: float = 0.0
    first_token_s: float | None = None
    attempts_made: int = 0
    request: LLMRequest | None = field(default=None, repr=False)
    trace: Any = field(default=None, repr=False)


class Observer:
    """Hears what happens; the base class ignores it all. Methods must be quick and must not raise."""

    def attempt_ended(self, end: AttemptEnd) -> None:
        """An attempt is over."""

    def failed_over(self, provider: str, to: str, reason: str) -> None:
        """A call moved on after a failure."""

    def breaker_moved(self, move: BreakerMove) -> None:
        """A breaker changed its state."""

    def costly_failover(self, provider: str, times: float, *, refused: bool) -> None:
        """A failover would have gone to a provider this many times dearer than the preferred one, or did."""

    def budget_alert(self, budget: str, share: float) -> None:
        """A budget passed one of its alert thresholds."""

    def token_renewed(self, provider: str, credential: str, outcome: str, life_s: float) -> None:
        """An OAuth login's exchange is over; its access token lives for so many seconds now."""

    def call_ended(self, record: CallRecord) -> None:
        """A call is over."""
