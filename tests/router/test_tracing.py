"""OpenTelemetry: one span a call and one below it for each attempt, by the GenAI conventions, in the caller's trace."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from banstorm.router.access import Access
from banstorm.router.config import Config, Tracing
from banstorm.router.errors import ConfigError
from banstorm.router.observer import AttemptEnd, Observer
from banstorm.router.tracing_setup import start_tracing

sdk = pytest.importorskip("opentelemetry.sdk.trace")
in_memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
otel = pytest.importorskip("opentelemetry.trace")
tracing = importlib.import_module("banstorm.router.tracing")  # ours: with the packages there, it must load
conventions = pytest.importorskip("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ASK = {"model": "best", "messages": [{"role": "user", "content": "my secret question"}], "max_tokens": 50}
BAN = {"type": "error", "error": {"type": "invalid_request_error", "message": "This organization has been disabled."}}


class Traces:
    """A bench whose spans are kept."""

    def __init__(self, bench: Any, exporter: Any) -> None:
        self.bench, self._exporter = bench, exporter
        front = tracing.Traced(Access(bench.app, {}))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://router")

    async def ask(self, **more: Any) -> tuple[Any, list[Any]]:
        """One call: its span, and its attempts' spans in the order in which they began."""
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"} if more.pop("traced", True) else {}
        self._exporter.clear()
        await self.client.post("/v1/chat/completions", json={**ASK, **more}, headers=headers)
        return self.spans()

    def spans(self) -> tuple[Any, list[Any]]:
        """The only call among the spans, and its attempts."""
        spans = sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time)
        (call,) = [span for span in spans if span.kind is otel.SpanKind.INTERNAL]
        return call, [span for span in spans if span is not call]


class Ended(Observer):
    """Tells when an attempt at the preferred provider has come to a good end."""

    def __init__(self) -> None:
        self.all = asyncio.Event()

    def attempt_ended(self, end: AttemptEnd) -> None:
        """Looks whose it was."""
        if (end.provider, end.outcome) == ("anthropic", "ok"):
            self.all.set()


@pytest.fixture
async def traces(bench) -> Callable[..., Any]:
    """Makes a traced bench."""

    async def make(*observers: Observer, **config: Any) -> Traces:
        exporter = in_memory.InMemorySpanExporter()
        provider = sdk.TracerProvider()
        provider.add_span_processor(export.SimpleSpanProcessor(exporter))
        return Traces(await bench(tracing.Spans(provider), *observers, **config), exporter)

    return make


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_and_its_attempt_in_the_callers_trace(traces, stream):
    """The call's span is a child of the caller's, the attempt's a child of the call's; each tells what was used."""
    t = await traces()
    call, (attempt,) = await t.ask(stream=stream)
    assert {int(TRACE, 16)} == {call.context.trace_id, attempt.context.trace_id}
    assert (int(SPAN, 16), call.context.span_id) == (call.parent.span_id, attempt.parent.span_id)
    assert ("chat best", "chat anthropic-model") == (call.name, attempt.name)
    shared = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.response.model": "anthropic-model",
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stream": stream,
        "banstorm.outcome": "ok",
    }
    for span, asked in ((call, "best"), (attempt, "anthropic-model")):
        expected = {**shared, "gen_ai.request.model": asked}
        assert expected == {key: span.attributes[key] for key in expected}
        assert "error.type" not in span.attributes
        assert otel.StatusCode.UNSET is span.status.status_code
    assert ("preferred", 1) == (call.attributes["banstorm.why"], call.attributes["banstorm.attempts"])
    assert call.start_time <= attempt.start_time <= attempt.end_time <= call.end_time
    assert stream == ("gen_ai.response.time_to_first_chunk" in attempt.attributes)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failover_shows_both_attempts(traces, stream):
    """What failed has its reason as `error.type`; the call itself is well, and names who answered."""
    t = await traces()
    t.bench.anthropic.always = t.bench.anthropic.replies(400, BAN)
    call, (failed, served) = await t.ask(stream=stream)
    assert ("org_disabled", 400, "anthropic") == tuple(
        failed.attributes[key] for key in ("error.type", "http.response.status_code", "gen_ai.provider.name")
    )
    assert otel.StatusCode.ERROR is failed.status.status_code
    assert ("openai", "openai", "failover") == tuple(
        span.attributes[key]
        for span, key in (
            (served, "gen_ai.provider.name"), (call, "gen_ai.provider.name"), (call, "banstorm.why")
        )
    )  # fmt: skip
    assert "error.type" not in call.attributes
    assert "gen_ai.usage.input_tokens" not in failed.attributes


@pytest.mark.parametrize(
    ("case", "error"),
    [("exhausted", "all_providers_exhausted"), ("interrupted", "stream_interrupted"), ("rejected", "invalid_request")],
)
async def test_a_call_without_an_answer_says_so(traces, case, error):
    """Nobody could answer, the stream broke off, or the request was at fault: that is the call's `error.type`."""
    t = await traces()
    up = t.bench.anthropic
    if case == "interrupted":
        up.script.append(up.streams(*up.events()[:4], end=False))
    elif case == "exhausted":
        for each in (up, t.bench.openai):
            each.always = each.replies(401, {"error": {"type": "authentication_error", "message": "no"}})
    else:
        body = {"type": "error", "error": {"type": "invalid_request_error", "message": "messages: too odd"}}
        up.always = up.replies(400, body)
    call, attempts = await t.ask(stream=case == "interrupted")
    assert (case, error) == (call.attributes["banstorm.outcome"], call.attributes["error.type"])
    assert otel.StatusCode.ERROR is call.status.status_code
    assert all(attempt.status.status_code is otel.StatusCode.ERROR for attempt in attempts)


async def test_no_span_holds_what_was_said(traces):
    """Neither the prompt nor the answer nor a key is in any span."""
    t = await traces()
    call, attempts = await t.ask()
    told = "".join(span.to_json() for span in (call, *attempts))
    assert "secret" not in told
    assert "is well" not in told
    assert "sk-" not in told


async def test_without_a_caller_s_trace_one_begins(traces):
    """A call without `traceparent`, or with one that can't be read, has a trace of its own."""
    t = await traces()
    call, (attempt,) = await t.ask(traced=False)
    assert call.parent is None
    assert call.context.trace_id == attempt.context.trace_id != int(TRACE, 16)


async def test_a_probe_that_outlives_its_call_is_still_its_child(traces):
    """The caller is served elsewhere; when the probe ends it shows below the same call."""
    breaker = {"cooldown": 0.001, "cooldown_max": 0.001, "probe_head_start": 0.01}
    ended = Ended()
    t = await traces(ended, breaker=breaker)
    up = t.bench.anthropic
    up.script.append(up.replies(400, BAN))
    await t.ask()
    go, asked = asyncio.Event(), asyncio.Event()

    async def slow(exchange: Any) -> None:
        asked.set()
        await go.wait()
        await up.well(exchange)

    up.always = slow
    while not asked.is_set():
        call, served = await t.ask()
    assert ["openai"] == [span.attributes["gen_ai.provider.name"] for span in served]
    go.set()
    await asyncio.wait_for(ended.all.wait(), 10)
    attempts = t.spans()[1]
    assert {call.context.span_id} == {span.parent.span_id for span in attempts}
    assert {"anthropic", "openai"} == {span.attributes["gen_ai.provider.name"] for span in attempts}


async def test_the_names_are_the_conventions_own(traces):
    """Every `gen_ai.*` name that is used is one that the conventions have today, and so is every vendor's."""
    t = await traces()
    call, attempts = await t.ask(stream=True)
    known = {value for value in vars(conventions).values() if isinstance(value, str) and value.startswith("gen_ai.")}
    used = {key for span in (call, *attempts) for key in span.attributes if key.startswith("gen_ai.")}
    assert len(used) > 8
    assert set() == used - known
    vendors = {each.value for each in conventions.GenAiProviderNameValues}
    assert set(tracing.VENDORS.values()) | {"openai", "anthropic", "groq"} <= vendors


def test_without_the_extra_nothing_is_touched_and_asking_for_it_is_told():
    """The router runs without OpenTelemetry, and loads none of it; `tracing` then names the extra, in three lines."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from banstorm.router import serve, LLMRouter, LLMRequest\n"
        "from banstorm.router.config import Tracing\n"
        "from banstorm.router.tracing_setup import start_tracing\n"
        "assert start_tracing(Tracing()) is None\n"
        "try: start_tracing(Tracing(enabled=True))\n"
        "except Exception as error: print(error)\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.')]\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    assert "next: pip install 'banstorm[otel]'" in done.stdout


def test_not_configured_is_nothing(monkeypatch):
    """With the extra installed, a router that isn't asked to trace starts no exporter."""
    assert start_tracing(Tracing()) is None
    assert not Config.model_validate(
        {"providers": [{"name": "a", "dialect": "openai", "base_url": "http://x", "model": "m"}]}
    ).tracing.enabled
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigError, match="isn't installed"):
        start_tracing(Tracing(enabled=True))
