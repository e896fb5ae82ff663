"""What fails beside a run doesn't take it along: whoever is told of it, and whoever looks on."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import psutil
import pytest
import whole_run
from banstorm.harness import events, ledger
from banstorm.harness import run as running
from banstorm.harness.faults.base import Host
from banstorm.harness.plan import Plan, Wish, make_plan

pytestmark = [pytest.mark.lab, pytest.mark.alone]


def plan(tmp_path: Path) -> Plan:
    """Two seconds of load with a short ban."""
    scenario = whole_run.scenario(tmp_path, at="500ms", until="1s", duration="2s")
    return make_plan(Wish(scenario=str(scenario), host=Host.INLINE, out=tmp_path / "runs", charts=False))


def descendants() -> set[int]:
    """The ids of all that this process has started and that still runs."""
    found = psutil.Process().children(recursive=True)
    return {each.pid for each in found if each.status() != psutil.STATUS_ZOMBIE}


@pytest.mark.parametrize("deaf_to", [events.Draining, events.Event])
async def test_a_listener_that_can_not_be_told_changes_nothing(deaf_to, tmp_path):
    """A terminal that is gone hears no more: everything is played and stopped all the same, and there is a report."""
    before = descendants()
    refused = []

    def listener(event: events.Event) -> None:
        if isinstance(event, deaf_to):
            refused.append(event)
            raise OSError(errno.EIO, "the terminal is gone")

    made = plan(tmp_path)
    result = await running.Run(made, listener).execute()
    assert any(isinstance(each, events.Draining) for each in refused)
    assert set() == descendants() - before
    assert [] == json.loads((made.folder / "run.json").read_text())["own_failures"]
    assert result.verdict == json.loads((made.folder / "report.json").read_text())["verdict"]


async def test_a_sampler_that_fails_makes_the_run_inconclusive(tmp_path, monkeypatch):
    """What it had still to look at is missing, so that the run proves nothing; but it is kept, with its reason."""

    async def run(_: running.Sampler) -> None:
        raise RuntimeError("no such counter")

    monkeypatch.setattr(running.Sampler, "run", run)
    before = descendants()
    made = plan(tmp_path)
    result = await running.Run(made, lambda _: None).execute()
    assert "inconclusive" == result.verdict
    failures = json.loads((made.folder / "run.json").read_text())["own_failures"]
    assert ["the sampler failed: RuntimeError: no such counter"] == failures
    assert set() == descendants() - before
    assert whole_run.rows(made.folder)["calls"]


async def test_rows_of_ours_that_are_lost_make_the_run_inconclusive(tmp_path, monkeypatch):
    """A full disk at the end costs the rows it doesn't take; what the others wrote is reported, with the reason."""
    made = plan(tmp_path)
    close = ledger.Ledger.close

    def lossy(self: ledger.Ledger) -> None:
        self._failed = OSError(errno.ENOSPC, "No space left on device")
        close(self)

    monkeypatch.setattr(ledger.Ledger, "close", lossy)  # of this process: those of the children write all they have
    result = await running.Run(made, lambda _: None).execute()
    assert "inconclusive" == result.verdict
    failures = json.loads((made.folder / "run.json").read_text())["own_failures"]
    assert ["rows of the ledger can't be written: No space left on device"] == failures
    assert (made.folder / "report.html").exists()
