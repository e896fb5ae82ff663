"""What a timeline does to the router: here a process that says when it was started and takes connections."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from banstorm.harness import happenings
from banstorm.harness.errors import HarnessError
from banstorm.harness.launch import Process, pick_port
from banstorm.harness.plan import Wish, make_plan
from banstorm.harness.router_events import RouterEvents, router_entries
from banstorm.reports.tables import ROUTER
from banstorm.scenarios.model import Scenario

ROUTER_PROGRAM = """
import signal, socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(64)
signal.signal(signal.SIGTERM, lambda *_: (print("asked to end", flush=True), sys.exit(0)))
print("up", flush=True)
while True:
    listener.accept()[0].close()
"""


class Rows:
    """A ledger that remembers."""

    def __init__(self) -> None:
        self.rows: list[dict] = []

    def add(self, table: str, row: dict) -> None:
        """Remember a row."""
        assert "faults" == table
        self.rows.append(dict(row))


def _scenario(*timeline: dict) -> Scenario:
    return Scenario.model_validate(
        {
            "version": 1,
            "title": "t",
            "story": "s",
            "source": "x",
            "seed": 1,
            "providers": {"p": {"dialect": "openai", "model": "m"}},
            "load": {"rate": "1/s", "duration": "60s"},
            "timeline": list(timeline),
            "expect": {"lost_calls": 0},
        }
    )


@pytest.fixture
async def router(tmp_path: Path):
    """A router under test, its port, and the exits that nobody of ours caused."""
    port = pick_port()
    process = Process("router", tmp_path / "router.log")
    process.foreign = []
    process.on_exit = lambda ended: None if ended.stopping else process.foreign.append(ended.returncode)
    await process.start([sys.executable, "-c", ROUTER_PROGRAM, str(port)])
    await _connect(port)
    process.port = port
    yield process
    await process.stop(0.5)


async def _connect(port: int) -> None:
    """Return once it takes a connection."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return


async def _true(holds: Callable[[], bool]) -> None:
    """Return once something holds."""
    while True:
        if holds():
            return
        await asyncio.sleep(0.005)


async def _play(process: Process, *timeline: dict) -> tuple[list[dict], list[tuple[str, str]], int]:
    """Play the timeline; the rows, what was told, and time 0."""
    ledger, told = Rows(), []
    t0_ns = time.monotonic_ns()
    events = RouterEvents(
        _scenario(*timeline),
        process,
        f"http://127.0.0.1:{process.port}/v1",
        ledger,
        lambda what, entry, _: told.append((what, entry)),
    )
    await asyncio.wait_for(events.run(t0_ns), 40)
    return ledger.rows, told, t0_ns


@pytest.mark.parametrize(
    ("entry", "asked"),
    [
        ({"at": "50ms", "until": "200ms", "event": "kill_router"}, False),
        ({"at": "50ms", "event": "drop_state"}, False),
        ({"at": "50ms", "event": "restart_router"}, True),
    ],
)
async def test_a_router_is_started_again_as_another_process(router, entry, asked):
    """It is gone, comes back at the same address, and its exit is ours; only a restart asks it to end in order."""
    before = router.pid
    (row,), told, t0_ns = await _play(router, entry)
    assert router.pid != before
    assert not psutil.pid_exists(before)
    assert router.returncode is None
    assert [] == router.foreign
    await _connect(router.port)
    await _true(lambda: router.log.read_text().count("up") == 2)
    assert asked == ("asked to end" in router.log.read_text())
    name = entry["event"]
    assert (f"0:{name}", name, ROUTER, 1, 1) == tuple(
        row[key] for key in ("entry", "fault", "provider", "matched", "bites")
    )
    assert t0_ns + 50_000_000 == row["declared_from_ns"] <= row["armed_ns"] == row["first_bite_ns"]
    assert row["disarmed_ns"] >= max(row["armed_ns"], row["declared_until_ns"])
    assert ["armed", "bite", "disarmed"] == [what for what, _ in told]


async def test_a_paused_router_stands_still_and_goes_on(router):
    """It is the same process, stopped in between; what waited is served afterwards."""
    before = router.pid
    playing = asyncio.create_task(_play(router, {"at": "20ms", "until": "600ms", "event": "pause_router"}))
    await _true(lambda: psutil.Process(before).status() == psutil.STATUS_STOPPED)
    (row,), _, _ = await playing
    assert psutil.Process(before).status() != psutil.STATUS_STOPPED
    assert (before, []) == (router.pid, router.foreign)
    await _connect(router.port)
    assert 1 == router.log.read_text().count("up")
    assert row["disarmed_ns"] >= row["declared_until_ns"]


async def test_a_paused_router_can_be_stopped(router):
    """A run that ends in a pause leaves nothing behind."""
    router.pause()
    await router.stop(5.0)
    assert 0 == router.returncode


async def test_an_exit_after_the_restart_is_its_own(router):
    """Only what we did is ours: a router that crashes later is told of."""
    await _play(router, {"at": "0s", "event": "drop_state"})
    psutil.Process(router.pid).send_signal(signal.SIGKILL)
    await _true(lambda: bool(router.foreign))
    assert [-signal.SIGKILL] == router.foreign


async def test_a_run_that_ends_early_still_has_its_rows(router):
    """What was begun and what was not are both written down."""
    ledger = Rows()
    scenario = _scenario({"at": "0s", "until": "50s", "event": "kill_router"}, {"at": "55s", "event": "restart_router"})
    began = asyncio.Event()
    events = RouterEvents(
        scenario, router, f"http://127.0.0.1:{router.port}", ledger, lambda what, *_: what == "bite" and began.set()
    )
    task = asyncio.create_task(events.run(time.monotonic_ns()))
    await asyncio.wait_for(began.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {("0:kill_router", 1), ("1:restart_router", 0)} == {(row["entry"], row["bites"]) for row in ledger.rows}


def test_every_event_tells_what_it_is():
    """Its documentation is what the catalogue shows, and it is carried out by somebody."""
    assert {"kill_router", "pause_router", "restart_router", "drop_state", "disconnect_callers"} <= set(
        happenings.names()
    )
    for name in happenings.names():
        happening = happenings.find(name)
        assert (happening.__doc__ or "").strip().endswith(".")
        assert happening.to in {"router", "callers"}


def test_events_on_callers_are_no_business_of_the_router():
    """They are carried out by the load generator."""
    scenario = _scenario({"at": "1s", "event": "disconnect_callers"}, {"at": "2s", "event": "drop_state"})
    assert ["1:drop_state"] == [each for each, _, _ in router_entries(scenario)]


SCENARIO = """\
version: 1
title: t
story: s
source: x
seed: 1
providers:
  p: {dialect: openai, model: m}
load: {rate: 10/s, duration: 10s}
timeline:
  - {at: 1s, event: EVENT}
expect:
  lost_calls: 0
"""


def test_a_router_that_we_did_not_start_can_not_be_killed(tmp_path):
    """Refused before anything starts, with the event's name and its place; its callers may leave all the same."""
    path = tmp_path / "file.yaml"
    path.write_text(SCENARIO.replace("EVENT", "drop_state"))
    with pytest.raises(HarnessError) as caught:
        make_plan(Wish(scenario=str(path), target="http://127.0.0.1:4000", out=tmp_path))
    assert "drop_state can't be done to 127.0.0.1:4000" in str(caught.value)
    assert "timeline[0].event" in str(caught.value)
    assert make_plan(Wish(scenario=str(path), out=tmp_path))
    path.write_text(SCENARIO.replace("EVENT", "disconnect_callers"))
    assert make_plan(Wish(scenario=str(path), target="http://127.0.0.1:4000", out=tmp_path))
