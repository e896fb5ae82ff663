"""The callers: an open-loop schedule played inside a Locust user, a greenlet a call.

Locust paces *users*, each of which waits for its answer before it calls again; that closes the loop, and a stalled
router then hides its own stall. Here one Locust user is the dispatcher: it starts a greenlet at each scheduled instant,
whatever became of the calls before, through Locust's session, connection pool, statistics and events.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import gevent
from gevent.event import Event
from gevent.pool import Group
from locust import FastHttpUser, task

from ...fakes.answer import Mark, Shape
from ...scenarios.model import Scenario
from ...scenarios.sizes import typical
from ..chance import chance
from ..ledger import EVIDENCE_BYTES_MAX, Ledger
from .call import Ask, Observed, row, settle
from .outcome import Ending, Verdict
from .schedule import NS, Due, schedule
from .tally import Tally
from .wire import WireAgent, WireClients

STOP_S_MAX: Final = 1.0
"""Longest wait for abandoned calls to write their rows, in seconds."""
BURST: Final = 64
"""Calls that a dispatcher which is behind starts before it lets others run."""


class Client(Protocol):
    """Makes a call and notes what comes. Raises `gevent.Timeout` when the caller leaves."""

    def call(self, ask: Ask, seen: Observed) -> None:
        """Make the call that `ask` describes; note everything in `seen`."""


class Stopped(gevent.GreenletExit):  # type: ignore[misc] # gevent is not followed by mypy
    """The run was stopped while a call was in flight."""


class Left(gevent.GreenletExit):  # type: ignore[misc] # gevent is not followed by mypy
    """The timeline lets this caller leave in the middle of its stream."""


class Callers:
    """Plays one scenario's schedule and writes the `schedule` and `calls` tables."""

    def __init__(self, scenario: Scenario, run: str, ledger: Ledger, *, in_flight_max: int) -> None:
        self.tally = Tally()
        self.in_flight_max = in_flight_max
        self.clients: Mapping[str, Client] = {}
        self.up = Event()  # the Locust user runs
        self.done = Event()  # every call has ended
        self.calls: list[Due] = schedule(scenario)
        self._load = scenario.load
        self._run = run
        self._ledger = ledger
        self._deadline_ns = round(scenario.load.deadline * NS)
        self._give_up_ns = round(scenario.load.give_up_s * NS)
        self._allow_continuation = scenario.load.continuation
        self._seed = scenario.seed
        self._left = 0
        self._open: dict[int, tuple[gevent.Greenlet, Ask, Observed]] = {}
        self._started = Event()
        self._t0_ns = 0
        self._in_flight = Group()

    def start(self, t0_ns: int) -> None:
        """Write the schedule, then let the dispatcher go. Time 0 is `t0_ns`."""
        self._t0_ns = t0_ns
        for due in self.calls:
            self._ledger.add(
                "schedule",
                {
                    "call": due.call,
                    "caller": due.caller,
                    "shape": due.shape.value,
                    "stream": due.stream,
                    "client": due.client,
                    "tokens": due.tokens,
                    "phase": due.phase,
                    "scheduled_ns": t0_ns + due.offset_ns,
                    "prompt_tokens": due.prompt,
                },
            )
        self._ledger.flush()
        self._started.set()

    def play(self) -> None:
        """Start each call at its instant; returns when all have ended. Runs in the Locust user's greenlet."""
        self.up.set()
        self._started.wait()
        behind = 0
        for due in self.calls:
            scheduled_ns = self._t0_ns + due.offset_ns
            if (wait_ns := scheduled_ns - time.monotonic_ns()) > 0:
                behind = 0
                while wait_ns > 0:  # a timer may fire a little early; a call never leaves before its instant
                    gevent.sleep(wait_ns / NS)
                    wait_ns = scheduled_ns - time.monotonic_ns()
            elif (behind := behind + 1) % BURST == 0:
                gevent.sleep(0)
            self._launch(due, scheduled_ns)
        self._in_flight.join()
        self.done.set()

    def probe(self, calls: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Make marked calls now, outside the schedule and the ledger; say what came of each."""
        jobs = []
        for wanted in calls:
            now_ns = time.monotonic_ns()
            mark = Mark(self._run, int(wanted["call"]), Shape(wanted["shape"]), typical(self._load.answer))
            ask = Ask(mark, bool(wanted["stream"]), wanted.get("client", "http"), now_ns, now_ns + self._give_up_ns)
            jobs.append((ask, self._in_flight.spawn(self._make, ask, lambda _: None)))
        gevent.joinall([job for _, job in jobs])
        return [self._probed(ask, *job.get()) for ask, job in jobs]

    def stop(self) -> None:
        """Abandon what is in flight; each abandoned call gets its row."""
        self._in_flight.kill(Stopped, block=True, timeout=STOP_S_MAX)

    def disconnect(self, entry_id: str, share: float) -> tuple[int, int]:
        """Let a share of the callers who are in the middle of a stream leave now; how many were, and how many left.

        Who leaves is decided by the seed, the entry and the call.
        """
        streaming = [
            (call, greenlet)
            for call, (greenlet, ask, seen) in self._open.items()
            if ask.stream and seen.first_token_ns is not None and not seen.ended_ns
        ]
        # That share of them, rounded up: with a draw for each, few streams might well mean that nobody leaves.
        streaming.sort(key=lambda each: chance(self._seed, "entry", entry_id, "stream", each[0]))
        leaving = streaming[: math.ceil(share * len(streaming))]
        before = self._left
        gevent.killall([greenlet for _, greenlet in leaving], Left, block=True, timeout=STOP_S_MAX)
        return len(streaming), self._left - before  # one may have come to its end in the meantime

    def _launch(self, due: Due, scheduled_ns: int) -> None:
        mark = Mark(self._run, due.call, due.shape, due.tokens)
        ask = Ask(mark, due.stream, due.client, scheduled_ns, scheduled_ns + self._give_up_ns, due.prompt)
        self.tally.due += 1
        if self.tally.in_flight >= self.in_flight_max:
            seen = Observed(lambda _: None, ended_ns=time.monotonic_ns(), ending=Ending.UNSENT)
            self._record(ask, seen, self._settle(ask, seen))
            return
        self.tally.in_flight += 1
        self._in_flight.spawn(self._play_one, ask)

    def _play_one(self, ask: Ask) -> None:
        try:
            seen, verdict = self._make(ask, lambda at_ns: self.tally.left(at_ns - ask.scheduled_ns))
            self._record(ask, seen, verdict)
        finally:
            self.tally.in_flight -= 1

    def _make(self, ask: Ask, on_sent: Any) -> tuple[Observed, Verdict]:
        seen = Observed(on_sent)
        self._open[ask.mark.call] = (gevent.getcurrent(), ask, seen)
        leave = gevent.Timeout(max(0.0, (ask.give_up_ns - time.monotonic_ns()) / NS))
        leave.start()
        try:
            self.clients[ask.client].call(ask, seen)
        except gevent.Timeout:
            seen.ending, seen.note = Ending.GAVE_UP, "gave_up"
            seen.ended_ns = time.monotonic_ns()
        except Stopped:
            seen.ending, seen.note = Ending.STOPPED, "stopped"
            seen.ended_ns = time.monotonic_ns()
        except Left:
            seen.ending, seen.note = Ending.LEFT, "left"
            self._left += 1
            seen.ended_ns = time.monotonic_ns()
        except Exception as error:  # noqa: BLE001 - a defect of ours is recorded as what it is, and the run goes on
            traceback.print_exc()
            seen.ending, seen.note = Ending.STOPPED, f"load generator: {type(error).__name__}: {error}"[:200]
            seen.ended_ns = time.monotonic_ns()
        finally:
            leave.close()
            self._open.pop(ask.mark.call, None)
        return seen, self._settle(ask, seen)

    def _settle(self, ask: Ask, seen: Observed) -> Verdict:
        return settle(ask, seen, deadline_ns=self._deadline_ns, allow_continuation=self._allow_continuation)

    def _record(self, ask: Ask, seen: Observed, verdict: Verdict) -> None:
        evidence = None if verdict.good else self._ledger.evidence(seen.body)
        told = row(ask, seen, verdict, evidence)
        if told["error"] is not None:  # a router's own words may be in it
            told["error"] = self._ledger.clean(told["error"])
        self._ledger.add("calls", told)
        self.tally.end(seen.ended_ns, seen.ended_ns - ask.scheduled_ns, verdict)

    def _probed(self, ask: Ask, seen: Observed, verdict: Verdict) -> dict[str, Any]:
        error = seen.note or verdict.error
        kept = seen.body[:EVIDENCE_BYTES_MAX].decode("utf-8", "replace")
        return {
            "call": ask.mark.call,
            "outcome": verdict.outcome,
            "status": seen.status,
            "error": error and self._ledger.clean(error),
            "evidence": None if verdict.good else self._ledger.clean(kept),
        }


class RouterCallers(FastHttpUser):  # type: ignore[misc] # locust is not followed by mypy
    """The Locust user that dispatches the whole schedule. `callers` and `host` are set on a subclass for each run."""

    abstract = True
    callers: Callers
    connections_max: int

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        # FastHttpUser's own pool holds 10 connections by default, which closes the loop without a word.
        clients = WireClients(concurrency=self.connections_max, connection_timeout=None, network_timeout=None)
        self.client.client = WireAgent(clients)

    @task  # type: ignore[untyped-decorator] # locust is not followed by mypy
    def play(self) -> None:
        """Play the schedule once, then sleep until the run is stopped."""
        self.callers.play()
        Event().wait()
