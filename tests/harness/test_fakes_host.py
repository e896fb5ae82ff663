"""A fake that fails by itself is no provider's failure: the run learns of it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from banstorm.harness.launch import Child
from banstorm.scenarios.model import Scenario

BROKEN = """
import runpy
from banstorm.fakes.dialects.openai import DIALECT

def reader(*_):
    raise RuntimeError("oh dear")

type(DIALECT).reader = reader
runpy.run_module("banstorm.harness.fakes_host", run_name="__main__")
"""
SCENARIO = {
    "version": 1,
    "title": "t",
    "story": "s",
    "source": "x",
    "seed": 1,
    "providers": {"vendor": {"dialect": "openai", "model": "m"}},
    "load": {"rate": "1/s", "duration": "1s"},
    "expect": {"lost_calls": 0},
}


@pytest.mark.parametrize("inline", [False, True])
async def test_an_exception_inside_a_fake_is_a_failure_of_ours(inline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is counted, told, and in the log; else a router would be judged by a 500 that no vendor sent."""
    (tmp_path / "broken_fakes.py").write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = Child("fakes", "broken_fakes", tmp_path / "log")
    crashed = []
    child.on_event = lambda event: crashed.append(event["count"]) if event["event"] == "crashed" else None
    await child.spawn()
    scenario = Scenario.model_validate(SCENARIO).model_dump(mode="json", by_alias=True)
    config = {"run": "7f3a9c", "seed": 1, "ledger": str(tmp_path / "ledger"), "scenario": scenario}
    ports = (await child.configure({**config, "ports": {"vendor": 0}, "inline": inline}))["ports"]
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(2):
            answer = await client.post(f"http://127.0.0.1:{ports['vendor']}/v1/chat/completions", json={})
            assert 500 == answer.status_code
    await child.stop()
    assert [2] == crashed
    assert 1 == child.returncode
    assert "RuntimeError: oh dear" in child.log.read_text()
