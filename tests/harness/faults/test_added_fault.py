"""A fault that a user adds: one file, found by its name, played by both hosts, pauses inside a stream included."""

from __future__ import annotations

from textwrap import dedent

import pytest

HOSTS = [pytest.param("mitmproxy", marks=pytest.mark.lab), "inline"]
DRIPS = '''
    """A stream that drips."""

    from pydantic import Field

    from ...scenarios.units import Duration
    from .base import Cut, Fault, Pause


    class Drips(Fault):
        """Wait before each event, and perhaps stop."""

        reaches_provider = True
        billed = True

        every: Duration = Field(default="20ms", validate_default=True, description="wait before each event")
        events: int = Field(default=1000, description="events until it stops")

        def body_filter(self, context, status, headers):
            return _Drips(self.every, self.events)


    class _Drips:
        def __init__(self, every, events):
            self.every, self.left = every, events

        def feed(self, data):
            self.left -= 1
            return [Pause(self.every), Cut()] if self.left < 0 else [Pause(self.every), data]

        def close(self):
            return []


    FAULT = Drips
'''


@pytest.fixture
def added(tmp_path, monkeypatch):
    """The children find one more fault, as if its file lay beside the others."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "drips.py").write_text(dedent(DRIPS))
    path = str(tmp_path / "more")
    (tmp_path / "sitecustomize.py").write_text(
        f"import banstorm.harness.faults as each\neach.__path__.append({path!r})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.parametrize("host_name", HOSTS)
def test_a_pause_holds_back_and_loses_nothing(added, stage, scenario_of, request_of, host_name):
    """A stream with pauses arrives late, whole and in order, and its proper ending comes last."""
    entry = {"at": "0s", "on": "openai", "fault": "drips", "model": "slow"}
    host = stage.host(host_name, scenario_of([entry], tokens_per_second=100_000))
    plain = host.ask("openai", request_of("openai", 1, stream=True))
    with host.connect("openai") as connection:
        slow = connection.ask(request_of("openai", 1, stream=True, model="slow"))
        again = connection.ask(request_of("openai", 2, stream=True))
    assert ("complete", "complete", "complete") == (plain.ended, slow.ended, again.ended)
    wanted = plain.body.replace(b'"m"', b'"slow"').split(b"\n\n")
    assert [event.count(b"~") for event in wanted] == [event.count(b"~") for event in slow.body.split(b"\n\n")]
    assert slow.body.endswith(b"data: [DONE]\n\n")
    events = slow.body.count(b"\n\n")
    assert slow.last_byte_s >= events * 0.02 > plain.last_byte_s
    host.stop()
    rows = host.child.rows("attempts")
    assert [("complete", None, 24), ("complete", "0:drips", 24), ("complete", None, 24)] == [
        (row["ended_by"], row["fault"], row["delivered_tokens"]) for row in rows
    ]


@pytest.mark.parametrize("host_name", HOSTS)
def test_a_cut_after_a_pause(added, stage, scenario_of, request_of, host_name):
    """A stream that is cut behind a pause gets no proper ending, though the provider has long sent it."""
    entry = {"at": "0s", "on": "openai", "fault": "drips", "with": {"events": 6}}
    host = stage.host(host_name, scenario_of([entry], tokens_per_second=100_000))
    got = host.ask("openai", request_of("openai", 1, stream=True))
    assert "cut" == got.ended
    assert 6 == got.body.count(b"\n\n")
    host.stop()
    (row,) = host.child.rows("attempts")
    assert ("fault", "0:drips", got.body.count(b"~")) == (row["ended_by"], row["fault"], row["delivered_tokens"])


@pytest.mark.parametrize("host_name", HOSTS)
@pytest.mark.parametrize("tokens_per_second", [50, 100_000], ids=["provider still sending", "provider done"])
def test_the_router_leaves_in_a_pause(added, stage, scenario_of, request_of, host_name, tokens_per_second):
    """Whether the provider has finished or not, a router that leaves in a pause is what ended the attempt."""
    entry = {"at": "0s", "on": "openai", "fault": "drips", "with": {"every": "250ms"}}
    host = stage.host(host_name, scenario_of([entry], tokens_per_second=tokens_per_second))
    with host.connect("openai") as connection:
        connection.send(request_of("openai", 1, stream=True, words=200))
        connection.read_until(b"data:")
    row = host.child.wait_for_row("attempts")
    assert ("router", "0:drips") == (row["ended_by"], row["fault"])
    assert row["delivered_tokens"] < 200
    host.stop()
    assert len(host.child.rows("attempts")) == len(host.fakes.rows("invoices")) == 1
