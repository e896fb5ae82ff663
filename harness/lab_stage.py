"""What stands behind a lab provider's port: the fake, the timeline in front of it, bans, and what is written down."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..fakes.dialects.base import Ask, RequestRefused
from ..fakes.http_request import RESET, WHOLE
from .faults.base import Forward, Respond
from .lab_clock import NS
from .lab_requests import REQUESTS_MAX, Request, cause, told
from .witness import Witness

if TYPE_CHECKING:
    from ..fakes.app import ASGIApp
    from ..fakes.dialects.base import Dialect
    from ..fakes.invoice import Bill
    from .faults.plan import Plan
    from .faults.sender import Sender
    from .faults.timeline import Timeline
    from .lab_clock import LabClock


@dataclass(slots=True)
class Ban:
    """A failure that a provider answers with, whoever asks what.

    Attributes:
        kind: The failure.
        details: What fills its words.
        key: Only for this credential.
        model: Only for this model.
        until_ns: When it ends, on the lab's clock.
        left: How many more requests it is for.
    """

    kind: str
    details: Mapping[str, Any]
    key: str | None = None
    model: str | None = None
    until_ns: int | None = None
    left: int | None = None

    def means(self, key: str | None, model: str | None, now_ns: int) -> bool:
        """Whether it is for this request."""
        return (
            self.left != 0
            and (self.until_ns is None or now_ns < self.until_ns)
            and self.key in (None, key)
            and self.model in (None, model)
        )


@dataclass(slots=True)
class Journal:
    """What the providers of one test have in common: the clock, the log, and how the first request starts the clock."""

    clock: LabClock
    start: Callable[[], None]
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=REQUESTS_MAX))
    count: int = 0


class StageWitness(Witness):
    """Decides about the requests to one provider, and writes them down. It needs no ledger and tells no harness."""

    def __init__(self, journal: Journal, dialect: Dialect) -> None:
        self.timeline: Timeline = None  # type: ignore[assignment]  # there is one before the first request
        self.bans: list[Ban] = []
        self.reached = 0
        self._journal = journal
        self._dialect = dialect
        self._open: dict[int, Request] = {}

    def decide(self, provider: str, sender: Sender, body: bytes, received_ns: int) -> Plan:
        """As `Witness.decide`; `received_ns` is the machine's, what is decided is decided by the lab's clock."""
        journal = self._journal
        journal.start()
        now_ns = journal.clock.now_ns()
        plan = self.timeline.decide(provider, sender, body, now_ns)
        journal.count += 1
        request = told(
            plan,
            number=journal.count,
            method=sender.method,
            headers=sender.headers,
            content=body,
            key=sender.credential,
            at_s=(now_ns - (journal.clock.started_ns or now_ns)) / NS,
            clock_ns=now_ns,
            received_ns=received_ns,
        )
        journal.requests.append(request)
        self._open[id(plan)] = request
        if isinstance(plan.action, Forward):
            self._forbid(plan, request, now_ns)
        return plan

    def break_off(self, plan: Plan, entry: str) -> None:
        """As `Witness.break_off`."""
        record = plan.record
        self.timeline.break_off(record.provider, entry, record, self._journal.clock.now_ns())

    def end(self, plan: Plan, ended_by: str) -> None:
        """As `Witness.end`."""
        record = plan.record
        request = self._open.pop(id(plan))
        request.status = record.status
        request.complete = ended_by == "complete"
        if record.fault_ids:
            request.failure = "+".join(each.partition(":")[2] for each in record.fault_ids)
        request.error = cause(record.evidence) if record.is_error else ""
        request.ended_ns = time.monotonic_ns()
        self.reached += record.reached

    def _forbid(self, plan: Plan, request: Request, now_ns: int) -> None:
        """Answer with the ban that is for this request, if there is one; a request without a key is told so first."""
        if request.key is None:
            return
        ban = next((ban for ban in self.bans if ban.means(request.key, request.model, now_ns)), None)
        if ban is None:
            return
        if ban.left is not None:
            ban.left -= 1
        ask: Ask | None = None if isinstance(plan.read, RequestRefused) else plan.read
        about = {"credential": request.key, "now_s": time.time(), **ban.details}
        plan.action = Respond(self._dialect.failure(ban.kind, about, id_seed=request.number, ask=ask))
        plan.record.keep = True
        request.failure = ban.kind


class Stage:
    """A provider's application: what is behind it can be exchanged, and `settled` says when nothing is half told."""

    eager = True

    def __init__(self) -> None:
        self.app: ASGIApp = None  # type: ignore[assignment]  # there is one before the first request
        self.bills: list[Bill] = []
        self.billed = 0
        self._ending = 0

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Serve one request."""
        ending = False

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal ending
            kind = message["type"]
            last = kind in {WHOLE, RESET} or (kind == "http.response.body" and not message.get("more_body", False))
            if last and not ending:
                ending = True
                self._ending += 1  # before the caller can have read it
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            self._ending -= ending

    def bill(self, bill: Bill) -> None:
        """Keep a bill; a refused request has none."""
        self.billed += 1
        if bill.model and (bill.input_tokens or bill.produced_tokens or bill.usd):
            self.bills.append(bill)

    def settled(self, reached: int) -> bool:
        """Whether each answer that was handed over is written down, and `reached` requests have been billed."""
        return self._ending == 0 and self.billed >= reached
