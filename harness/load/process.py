"""The load child's life: configuration, ready, probes, start, statistics, stop. Only `__main__` imports it."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gevent
from gevent.event import Event
from locust.env import Environment

from ...reports.tables import LOOP_LAG
from ...scenarios.model import Scenario
from ..child import say
from ..ledger import FLUSH_S, Ledger
from ..redact import secrets_of
from .bounds import in_flight_bound, raise_descriptors
from .callers import Callers, RouterCallers
from .commands import Lines
from .departures import play
from .front import find_front
from .http_client import HttpClient

STATS_S: Final = 0.5
"""Seconds between two ``stats`` events, and between two samples."""
BEAT_S: Final = 0.01
"""Seconds between two beats of the loop's heart."""
USER_UP_S_MAX: Final = 30.0
"""Longest wait for Locust to start its user, in seconds."""
SCHEDULE_ROW_S: Final = 10e-6
"""Seconds that writing one schedule row may take: `start` should come this much before the first call."""
HEAVY: Final = ("pandas", "pyarrow", "mitmproxy", "altair", "numpy")
"""Modules that this process must never load."""


class FailedError(Exception):
    """The child can't do its work; the harness is told what, where and what to do next."""

    def __init__(self, what: str, where: str, after: str) -> None:
        super().__init__(what)
        self.fields = {"what": what, "where": where, "next": after}


class LoadChild:
    """Everything of the child that lives while the run does."""

    def __init__(self, config: dict[str, Any]) -> None:
        scenario = Scenario.model_validate(config["scenario"])
        load = scenario.load
        wanted = config.get("in_flight_max") or in_flight_bound(load.profile.peak, load.give_up_s)
        in_flight_max = raise_descriptors(wanted)
        secrets = secrets_of(config.get("api_key"), config.get("headers") or {})
        self.ledger = Ledger(Path(config["ledger"]), "load", secrets)
        self.callers = Callers(
            scenario,
            config["run"],
            self.ledger,
            in_flight_max=in_flight_max,
        )
        self.stopping = Event()
        self.failed: FailedError | None = None
        self._config = config
        self._scenario = scenario
        self._seed = scenario.seed
        self._give_up_s = load.give_up_s
        self._runner = self._locust(in_flight_max, with_sdk=load.clients.openai_sdk > 0)

    def _locust(self, in_flight_max: int, *, with_sdk: bool) -> Any:
        """Start Locust's one user; the runner that holds it."""
        base_url = self._config["base_url"].rstrip("/")
        connections = self._config.get("connections_max") or in_flight_max
        fields = {"abstract": False, "callers": self.callers, "host": base_url, "connections_max": connections}
        environment = Environment(host=base_url)
        front = find_front(self._config.get("front") or "openai_chat")
        headers = front.headers(self._config.get("api_key")) | (self._config.get("headers") or {})
        writer = front.writer(self._config["model"], self._seed)

        clients = {}
        if with_sdk:
            clients["openai_sdk"] = self._sdk_client(base_url, connections, writer, environment.events.request)

        def connect(user: Any) -> None:
            self.callers.clients = {"http": HttpClient(user.client, front, writer, headers), **clients}

        environment.user_classes = [type("BanstormCallers", (RouterCallers,), fields | {"on_start": connect})]
        runner = environment.create_local_runner()
        runner.start(1, spawn_rate=1)
        return runner

    def _sdk_client(self, base_url: str, connections_max: int, writer: Any, request_event: Any) -> Any:
        try:
            from .openai_sdk import SdkClient
        except ModuleNotFoundError as error:
            where = "the scenario's load.clients.openai_sdk asks for calls by the official SDK"
            raise FailedError(f"{error.name} is not installed", where, "pip install 'banstorm[sdk]'") from error
        return SdkClient(
            base_url,
            self._config.get("api_key"),
            self._config.get("headers") or {},
            give_up_s=self._give_up_s,
            connections_max=connections_max,
            writer=writer,
            request_event=request_event,
        )

    def wait_up(self) -> None:
        """Wait until Locust's user runs.

        Raises:
            FailedError: it doesn't.
        """
        if not self.callers.up.wait(USER_UP_S_MAX):
            raise FailedError("Locust did not start its user", "banstorm.harness.load", "see the load process's log")

    def run(self, lines: Lines) -> None:
        """Obey until the harness says stop or is gone.

        Raises:
            FailedError: something of ours broke.
        """
        for work in (self._obey(lines), self._flush, self._report, self._beat, self._watch):
            gevent.spawn(self._guarded, work)
        self.stopping.wait()
        if self.failed:
            raise self.failed

    def close(self) -> None:
        """Abandon what is in flight and write what is left."""
        self.callers.stop()
        self._runner.quit()
        self.ledger.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a part of ours that ends silently would look like a quiet run
            traceback.print_exc()
            self.failed = FailedError(
                f"the load generator broke: {type(error).__name__}: {error}",
                "banstorm.harness.load",
                "see the traceback in the load process's log",
            )
            self.stopping.set()

    def _obey(self, lines: Lines) -> Callable[[], None]:
        def obey() -> None:
            while (command := lines.next()) is not None:
                match command["command"]:
                    case "start":
                        self.callers.start(command["t0_ns"])
                        gevent.spawn(self._guarded, lambda t0_ns=command["t0_ns"]: self._depart(t0_ns))
                    case "probe":
                        gevent.spawn(self._guarded, lambda calls=command["calls"]: self._probe(calls))
                    case "stop":
                        break
            self.stopping.set()

        return obey

    def _depart(self, t0_ns: int) -> None:
        play(self._scenario, self.callers, self.ledger, t0_ns)

    def _probe(self, calls: list[dict[str, Any]]) -> None:
        say("probe_result", results=self.callers.probe(calls))

    def _watch(self) -> None:
        self.callers.done.wait()
        self.ledger.flush()
        say("stats", **self.callers.tally.fields())
        say("done")

    def _flush(self) -> None:
        while True:
            gevent.sleep(FLUSH_S)
            self.ledger.flush()

    def _report(self) -> None:
        while True:
            gevent.sleep(STATS_S)
            say("stats", **self.callers.tally.fields())

    def _beat(self) -> None:
        """Sample the loop's lag: how late a 10 ms heartbeat came, at most, since the last sample."""
        lag_s, sampled = 0.0, time.monotonic()
        while True:
            before = time.monotonic()
            gevent.sleep(BEAT_S)
            now = time.monotonic()
            lag_s = max(lag_s, now - before - BEAT_S)
            if now - sampled >= STATS_S:
                sample = {"process": "load", "name": LOOP_LAG, "labels": {}, "value": max(0.0, lag_s)}
                self.ledger.add("samples", {"at_ns": time.monotonic_ns(), **sample})
                lag_s, sampled = 0.0, now


def main() -> int:
    """Be the load child; returns its exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    lines = Lines()
    child: LoadChild | None = None
    try:
        child = LoadChild(lines.config())
        gevent.signal_handler(signal.SIGTERM, child.stopping.set)
        child.wait_up()
        gc.collect()
        gc.freeze()
        say("ready", calls=len(child.callers.calls), lead_s=len(child.callers.calls) * SCHEDULE_ROW_S, heavy=heavy())
        child.run(lines)
    except FailedError as failed:
        say("failed", **failed.fields)
        return 1
    finally:
        if child is not None:
            child.close()
    say("bye", heavy=heavy())
    return 0


def heavy() -> list[str]:
    """The modules of `HEAVY` that are loaded."""
    return [name for name in HEAVY if name in sys.modules]
