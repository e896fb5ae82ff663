"""The ledger's tables: one row type each, written by the harness, read by `frames`.

A row is one NDJSON line ``{"table": <name>, ...columns}``. Times are `time.monotonic_ns()` of the machine the run was
made on (integers; Linux processes share that clock), anchored to wall time by `run.json`. A column that does not apply
is null. This module loads nothing heavy: the load generator and the fakes import it.
"""

from __future__ import annotations

from typing import Final, TypedDict


class Schedule(TypedDict):
    """A call that is due, written before the first call leaves, so that a row that never came is countable."""

    call: int
    caller: int
    shape: str  # text, json, tool
    stream: bool
    client: str  # http, openai_sdk
    tokens: int
    phase: str  # warmup, load
    scheduled_ns: int
    prompt_tokens: int | None  # words of filler before the mark; null: the usual two sentences


class Call(TypedDict):
    """What the caller got. `outcome` is one of `OUTCOMES`."""

    call: int
    sent_ns: int | None  # at the socket write
    first_token_ns: int | None
    ended_ns: int
    outcome: str
    status: int | None
    finish: str | None
    terminated: bool  # the ending was proper for its kind ([DONE] and a finish reason; a whole body)
    error: str | None  # the error's type or code, or our own word for a transport failure
    answer_hash: str | None
    provider: str | None  # who wrote the words, from the watermark; "a+b" when stitched
    places: int  # how many words held
    model_reported: str | None
    tokens_reported: int | None  # output tokens by the answer's usage
    evidence: str | None  # the start of a bad call's body, redacted


class Attempt(TypedDict):
    """A request that the router sent to a provider, as the injector saw it."""

    attempt: str
    call: int | None  # None: traffic without a mark, "background"
    provider: str
    credential: str | None  # fingerprint, never the key
    model: str | None
    stream: bool | None
    path: str
    received_ns: int
    first_byte_ns: int | None
    ended_ns: int
    status: int | None
    fault: str | None  # id of the timeline entry that bit, e.g. "0:org_disabled"; several are joined by "+"
    reached: bool  # the request went on to the provider
    ended_by: str  # complete, router, fault, provider; run: it was still going on when the run ended
    delivered_tokens: int
    matched: str | None  # ids of the entries whose window was open and whose selectors meant it, joined by "+"
    client_retry: int | None  # what the client said of itself (x-stainless-retry-count)
    evidence: str | None


class Invoice(TypedDict):
    """What the provider would bill for an attempt that reached it."""

    attempt: str | None
    provider: str
    model: str
    input_tokens: int
    cached_tokens: int
    produced_tokens: int
    usd: float
    priced: bool  # False: the model has no price, billed at zero
    completed: bool
    at_ns: int
    cache_write_tokens: int | None  # of the input; null where the ledger is older than this column


class FaultWindow(TypedDict):
    """A timeline entry's window on one provider, written when it is over (or the run is)."""

    entry: str  # e.g. "0:org_disabled"
    fault: str  # name of the fault, the standing or the event
    provider: str  # or `ROUTER`, or `CALLERS`
    share: float
    declared_from_ns: int
    declared_until_ns: int
    armed_ns: int
    disarmed_ns: int
    bites: int
    matched: int  # attempts inside the window that its selectors matched
    first_bite_ns: int | None
    last_bite_ns: int | None
    whole: bool | None  # from its first bite on it bites all it matches; None: as its share says
    share_begin: float | None  # of a share that changes, at the entry's start; `share` is the larger end
    share_end: float | None
    share_of: str | None  # request, call, credential, caller
    period: int | None  # of an entry that comes and goes, from 0
    phase: str | None  # what of an exchange, or of an account, it acts on


class Refusal(TypedDict):
    """A call of the router's, through the intercepting proxy, to a host that stands for no provider: it was refused."""

    at_ns: int
    host: str
    port: int
    way: str  # connect (a tunnel was asked for), plain (a request without TLS)


class Sample(TypedDict):
    """A number read off a process: CPU, memory, loop lag, or one of the router's own metrics."""

    at_ns: int
    process: str  # injector, fakes, load, target, or `MACHINE`
    name: str
    labels: dict[str, str]
    value: float  # finite: JSON has no other


TABLES: Final = {
    "schedule": Schedule,
    "calls": Call,
    "attempts": Attempt,
    "invoices": Invoice,
    "faults": FaultWindow,
    "samples": Sample,
    "refusals": Refusal,
}

OUTCOMES: Final = (
    "ok",
    "late",
    "stitched",
    "foreign",
    "corrupted",
    "truncated",
    "shortened",
    "error",
    "refused",
    "hung",
    "left",
    "unsent",
    "unknown",
)
SILENT: Final = frozenset({"foreign", "corrupted", "truncated", "shortened"})
"""Outcomes that are silent losses when the call ended as a success: a 2xx status and `terminated`."""

ROUTER: Final = "the router"
"""Stands for the provider in the window of an event on the router; no provider may be called so."""
CALLERS: Final = "the callers"
"""The same for an event on the callers."""

LOOP_LAG: Final = "loop_lag_seconds"
"""Sample name for the largest event-loop lag of a process since its previous sample, in seconds."""
CPU: Final = "cpu_share"
"""Sample name for a process's CPU use since its previous sample; 1.0 is one core."""
WAITING: Final = "cpu_waiting_share"
"""Sample name for how long a process's threads waited for a CPU since its previous sample; 1.0 is one thread always."""
MACHINE: Final = "machine"
"""Stands for the process in a sample of the whole machine."""
MEMORY: Final = "memory_bytes"
"""Sample name for a process's resident memory, in bytes."""
