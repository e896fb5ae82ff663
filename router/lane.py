"""A lane: one provider with one credential and one model, and what the policies remember about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from .errors import ACCIDENTS, PERMANENT, Failure
from .policies.breaker import Breaker, Settings, State, Ticket
from .policies.gate import Gate
from .policies.pace import Pace
from .policies.patience import USUAL_FACTOR, Patience
from .policies.spending import Purse
from .prices import Price
from .provider import AttemptLimits, LLMProvider
from .validate import CONTENT_DRIFTS

DRAINED = "is being drained"
"""Why calls that begin now aren't sent there."""


@dataclass(slots=True, eq=False)
class Pass:
    """The right to make one attempt on a lane. It ends with exactly one verdict; later ones change nothing.

    Attributes:
        whole: The lane's ticket.
        stream: The ticket of its streams, if one is asked for.
        used: Whether the verdict has fallen.
    """

    whole: Ticket
    stream: Ticket | None = None
    used: bool = False

    @property
    def probe(self) -> bool:
        """Whether this attempt decides if the lane is back."""
        return self.whole.probe or (self.stream is not None and self.stream.probe)

    @property
    def to_the_end(self) -> bool:
        """Whether it is streams that are being tried: a first token proves nothing then."""
        return self.stream is not None and self.stream.probe


# Compared by identity: two lanes are the same only if they are the same object.
@dataclass(slots=True, eq=False)
class Lane:
    """The finest thing that can be well or ill. Each has its own breaker, so what one key or model lost, others keep.

    Streams have a second breaker. A stream that breaks off after its first token has cost its caller the answer, and
    nothing can be hidden any more: the first of them sends later streams elsewhere, while plain calls stay. So do
    several in a row that fail before it: plain calls that succeed in between say nothing about streams.

    Attributes:
        provider: Who is asked; it holds the credential.
        model: What it is asked for.
        breaker: Whether it is asked.
        streams: Whether it is asked for streams.
        patience: How long its plain answers are waited for.
        limits: Time limits of one attempt, in seconds.
        pace: How long its attempts take, and what they produce.
        price: What its tokens cost; None if nobody knows.
        closed_by: The budget that is spent, so that it may not be asked; None if none is.
        gate: Counts attempts at the provider, shared by its lanes.
        draining: Calls that begin now leave it out; earlier ones may still need it.
        in_flight: Attempts on this lane.
        unbegun_max: Streams in a row that fail before their first token, by accident, until later ones go elsewhere.
    """

    provider: LLMProvider
    model: str
    breaker: Breaker
    streams: Breaker
    patience: Patience
    limits: AttemptLimits
    pace: Pace = field(default_factory=Pace)
    price: Price | None = None
    closed_by: Callable[[], Purse | None] = lambda: None
    gate: Gate = field(default_factory=Gate)
    draining: bool = False
    in_flight: int = 0
    unbegun_max: int = 3
    _unbegun: int = 0

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    @property
    def label(self) -> str:
        """The provider's name, and which of its credentials it is if there are more; never the credential itself."""
        credential = self.provider.credential
        return f"{self.name} ({credential})" if credential else self.name

    def blocked(self) -> str:
        """Why it can't be asked whatever its breakers say, or nothing."""
        if self.gate.full:
            return f"{self.gate.inside} attempts at once (concurrency_max)"
        return self.shut()

    def shut(self) -> str:
        """The same but for a provider that is full, which is over in a moment."""
        try:
            if not self.provider.is_available():
                return "not configured to be asked"
        except Exception as error:  # noqa: BLE001 - a user's own code; its words may hold secrets
            return f"is_available raised {type(error).__name__}"
        purse = self.closed_by()
        return "" if purse is None else purse.why

    @property
    def gets_calls(self) -> bool:
        """Whether calls that begin now come here, though it may be full for a moment."""
        return self.breaker.available and not self.draining and not self.shut()

    def available(self, *, stream: bool = False) -> bool:
        """Whether calls are sent here without further thought."""
        return self.breaker.available and not (stream and not self.streams.available) and not self.blocked()

    def due(self, *, stream: bool = False) -> bool:
        """Whether the next call may find out if it is back."""
        if self.blocked():
            return False
        ready = self.breaker.available or self.breaker.due
        if not stream or self.streams.available:
            return ready and not self.breaker.available
        return ready and self.streams.due

    def admit(self, *, stream: bool = False) -> Pass | None:
        """Ask for an attempt; None means no."""
        # Both are looked at before either is asked: a probe that is taken and given back would be a move, and wake
        # everybody who waits for one.
        if self.blocked() or (stream and not (self.streams.available or self.streams.due)):
            return None
        whole = self.breaker.admit()
        if whole is None:
            return None
        return self._enter(Pass(whole, self.streams.admit() if stream else None))

    def forced(self, *, stream: bool = False) -> Pass:
        """A pass for a last resort: an accident changes nothing, a success closes the breaker."""
        return self._enter(Pass(self.breaker.forced(), self.streams.forced() if stream else None))

    def last_resort(self, *, stream: bool = False) -> bool:
        """Whether asking is better than giving up: it failed by accident, and nobody told us to stay away."""
        if self.blocked():
            return False
        if not self.breaker.available:
            return self.breaker.last_resort
        return stream and not self.streams.available and self.streams.last_resort

    def hope(self, *, stream: bool = False) -> bool:
        """Whether waiting for it may help: it is full, or out for a reason that time mends. A ban isn't one."""
        if self.gate.full:
            return True
        if self.blocked() or self.available(stream=stream):
            return False
        breaker = self.breaker if not self.breaker.available else self.streams
        return breaker.last_failure is not None and breaker.last_failure.meaning not in PERMANENT

    def wait_s(self, *, stream: bool = False) -> float:
        """Seconds until it may be asked again; 0 if it may be now, or if a probe is on its way."""
        purse = self.closed_by()
        unpaid_s = 0.0 if purse is None else purse.wait_s
        return max(unpaid_s, self.breaker.wait_s, self.streams.wait_s if stream else 0.0)

    def succeeded(self, permit: Pass) -> None:
        """The whole answer arrived."""
        if self._leave(permit):
            self.breaker.succeeded(permit.whole)
            if permit.stream is not None:
                self._unbegun = 0
                self.streams.succeeded(permit.stream)

    def failed(self, permit: Pass, failure: Failure, *, midway: bool = False) -> None:
        """The attempt failed; `midway` says that it was a stream whose first token had arrived."""
        if not self._leave(permit):
            return
        if permit.stream is None:
            self.breaker.failed(permit.whole, failure)
        elif midway and failure.meaning in ACCIDENTS and failure.reason not in CONTENT_DRIFTS:
            self.breaker.succeeded(permit.whole)
            self.streams.failed(permit.stream, failure)
        else:
            self.breaker.failed(permit.whole, failure)
            self._did_not_begin(permit.stream, failure)

    def _did_not_begin(self, ticket: Ticket, failure: Failure) -> None:
        if not self.breaker.available:
            self._unbegun = 0  # everybody goes elsewhere: nothing is left to say of streams alone
            self.streams.abandoned(ticket)
        elif failure.meaning not in ACCIDENTS or failure.reason in CONTENT_DRIFTS:
            self.streams.abandoned(ticket)
        elif ticket.probe or self._unbegun + 1 >= self.unbegun_max:
            self._unbegun = 0
            self.streams.failed(ticket, failure)
        else:
            self._unbegun += 1

    def suspect(self, permit: Pass, failure: Failure) -> None:
        """A stream on its way has fallen silent. It may still end well, but later ones are better sent elsewhere."""
        if permit.stream is not None and not permit.used:
            self.streams.failed(permit.stream, failure)

    def overdue(self, seconds: float, *, stream: bool, midway: bool = False) -> bool:
        """Whether an attempt that its caller's deadline cut was later than is usual here.

        Then the lane is to blame all the same: with callers in a hurry only, a hang would otherwise never show.

        Args:
            seconds: How long it had taken by then.
            stream: Whether it was a stream.
            midway: Whether its first token had arrived.
        """
        if not stream:
            return seconds >= self.patience.overdue_s(self.pace.usual_s)
        usual_s = self.pace.usual_s * USUAL_FACTOR
        if midway or usual_s:
            return seconds >= (usual_s or inf)
        return seconds >= self.limits.first_token_s

    def abandoned(self, permit: Pass) -> None:
        """The attempt ended without saying anything about the lane."""
        if self._leave(permit):
            self.breaker.abandoned(permit.whole)
            if permit.stream is not None:
                self.streams.abandoned(permit.stream)

    def why_not(self, *, stream: bool = False) -> str:
        """The reason it isn't asked, for errors and logs."""
        blocked = self.blocked()
        if blocked:
            return f"{self.label}: {blocked}"
        streams = stream and self.breaker.available
        breaker = self.streams if streams else self.breaker
        reason = breaker.last_failure.reason if breaker.last_failure else "unknown"
        what = "breaker of streams" if streams else "breaker"
        return f"{self.label}: {what} {breaker.state} after {reason}, next probe in {breaker.wait_s:.1f} s"

    def _enter(self, permit: Pass) -> Pass:
        self.in_flight += 1
        self.gate.enter()
        return permit

    def _leave(self, permit: Pass) -> bool:
        if permit.used:
            return False
        permit.used = True
        self.in_flight -= 1
        self.gate.leave()
        return True


class Cuts:
    """A breaker's settings for streams: the first cut opens it, everything else is as for the rest."""

    def __init__(self, settings: Settings, cuts_in_a_row: int) -> None:
        self.enabled = settings.enabled
        self.failures_in_a_row = cuts_in_a_row
        self.failure_share, self.failures_min = settings.failure_share, settings.failures_min
        self.window, self.jitter = settings.window, settings.jitter
        self.cooldown, self.cooldown_growth = settings.cooldown, settings.cooldown_growth
        self.cooldown_max = settings.cooldown_max


def make_lane(
    provider: LLMProvider,
    *,
    model: str | None = None,
    settings: Settings,
    cuts_in_a_row: int = 1,
    limits: AttemptLimits,
    clock: Callable[[], float],
    chance: Callable[[str, int], float],
    changed: Callable[[Lane, Breaker, State], None],
    gate: Gate | None = None,
    hedge_quantile: float = 0.95,
    price: Price | None = None,
    closed_by: Callable[[], Purse | None] = lambda: None,
) -> Lane:
    """A lane with nothing remembered.

    Args:
        provider: Who is asked.
        model: What it is asked for; its own by default.
        settings: The breakers'.
        cuts_in_a_row: Streams that break off before later ones go elsewhere.
        limits: Time limits of one attempt.
        clock: Seconds that only go forward.
        chance: A number in [0, 1) for an entity and a count.
        changed: Called with the lane, the breaker that moved and its new state.
        gate: Shared by the lanes of a provider.
        hedge_quantile: Of its usual times, after which it counts as late.
        price: What its tokens cost.
        closed_by: The budget that is spent, if one is.
    """
    name = f"{provider.name} {provider.credential}".strip()

    def breaker(of: str, chosen: Settings) -> Breaker:
        made = Breaker(
            chosen,
            clock=clock,
            chance=lambda n: chance(f"{of} {name}", n),
            changed=lambda state: changed(lane, made, state),
        )
        return made

    lane = Lane(
        provider,
        provider.model if model is None else model,
        breaker("breaker", settings),
        breaker("streams", Cuts(settings, cuts_in_a_row)),
        Patience(limits.first_token_s, limits.answer_s, clock),
        limits,
        Pace(hedge_quantile),
        price,
        closed_by,
        gate or Gate(),
        unbegun_max=settings.failures_in_a_row,
    )
    return lane
