"""One call: what it asks for, what was observed of it, and the ledger row that follows. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...fakes.answer import Mark
from .front import Heard
from .outcome import Ending, Verdict, judge


@dataclass(slots=True)
class Ask:
    """A call that is to be made now. `client` is http or openai_sdk."""

    mark: Mark
    stream: bool
    client: str
    scheduled_ns: int
    give_up_ns: int  # the instant at which the caller leaves
    prompt: int | None = None  # words of filler before the mark; None: the usual two sentences

    @property
    def name(self) -> str:
        """What Locust's statistics call it."""
        return f"{self.mark.shape.value} {'stream' if self.stream else 'plain'}"


@dataclass(slots=True)
class Observed:
    """What a client saw of a call. `kept` is the start of what came, `on_sent` hears when the call left."""

    on_sent: Callable[[int], None]
    sent_ns: int | None = None
    first_token_ns: int | None = None
    ended_ns: int = 0
    status: int | None = None
    ending: Ending = Ending.COMPLETE
    heard: Heard = field(default_factory=Heard)
    note: str | None = None  # our own word for a transport failure
    size: int = 0
    kept: list[bytes] = field(default_factory=list)

    def left(self, at_ns: int) -> None:
        """The request is being written to the socket."""
        self.sent_ns = at_ns
        self.on_sent(at_ns)

    def keep(self, data: bytes, bytes_max: int) -> None:
        """Count `data` and keep it, as long as less than `bytes_max` is kept."""
        if self.size < bytes_max:
            self.kept.append(data)
        self.size += len(data)

    @property
    def body(self) -> bytes:
        """What was kept."""
        return b"".join(self.kept)


def settle(ask: Ask, seen: Observed, *, deadline_ns: int, allow_continuation: bool) -> Verdict:
    """The verdict on what was observed."""
    return judge(
        ask.mark,
        seen.heard,
        seen.ending,
        seen.status,
        latency_ns=seen.ended_ns - ask.scheduled_ns,
        deadline_ns=deadline_ns,
        allow_continuation=allow_continuation,
    )


def row(ask: Ask, seen: Observed, verdict: Verdict, evidence: str | None) -> dict[str, Any]:
    """The call's row in the ledger (`reports.tables.Call`)."""
    return {
        "call": ask.mark.call,
        "sent_ns": seen.sent_ns,
        "first_token_ns": seen.first_token_ns,
        "ended_ns": seen.ended_ns,
        "outcome": verdict.outcome,
        "status": seen.status,
        "finish": seen.heard.finish,
        "terminated": verdict.terminated,
        "error": seen.note or verdict.error,
        "answer_hash": verdict.answer_hash,
        "provider": verdict.provider,
        "places": verdict.places,
        "model_reported": seen.heard.model,
        "tokens_reported": seen.heard.output_tokens,
        "evidence": evidence,
    }
