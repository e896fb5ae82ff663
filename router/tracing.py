"""OpenTelemetry spans by the GenAI conventions: one a call, and below it one for each attempt.

This needs the extra `banstorm[otel]`, and is loaded only where it is asked for. Spans are made when what they tell is
over, with the times at which it happened, so a call on its way pays nothing for them. The caller's `traceparent` is
their parent.

Names are those of the semantic conventions (opentelemetry-semantic-conventions 0.66b2, `gen_ai.*`, in development);
what they have no name for begins with `banstorm.`. No span holds a prompt, an answer, or a key.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from .access import App, Receive, Scope, Send
from .observer import AttemptEnd, CallRecord, Observer

ATTEMPTS_MAX = 64
"""Attempts of one call that are kept until it ends; a call makes far fewer."""
VENDORS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
}
"""The conventions' names for vendors, where they differ from our dialects'."""
_ERRORS = {"exhausted": "all_providers_exhausted", "interrupted": "stream_interrupted"}


class Spans(Observer):
    """Makes the spans.

    Args:
        provider: Where they go; the process's own unless given, which drops them unless the SDK is set up.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("banstorm.router", tracer_provider=provider)

    def attempt_ended(self, end: AttemptEnd) -> None:
        """Keeps it until its call has a span; a probe may outlive its call."""
        call = end.call
        if call is None:
            return
        now = time.time_ns()
        if isinstance(call.trace, context.Context):
            self._attempt(end, now, call.trace)
        else:
            call.trace = call.trace or []
            if len(call.trace) < ATTEMPTS_MAX:
                call.trace.append((end, now))

    def call_ended(self, record: CallRecord) -> None:
        """Makes the call's span, and those of its attempts so far."""
        now = time.time_ns()
        attempts: list[tuple[AttemptEnd, int]] = record.trace or []
        operation, model = _what(record)
        attributes = {
            "gen_ai.operation.name": operation,
            "gen_ai.request.model": model,
            **_request(record),
            "banstorm.outcome": record.outcome,
            "banstorm.why": record.why,
            "banstorm.provider": record.provider,
            "banstorm.caller": record.caller,
            "banstorm.attempts": record.attempts_made,
            "banstorm.cost_usd": record.usd,
        }
        served = next((end for end, _ in reversed(attempts) if end.outcome == "ok"), None)
        if served is not None and record.provider:
            attributes |= _answer(served)
        error = _error(record)
        start = now - round(record.duration_s * 1e9)
        span = self._begin(f"{operation} {model}".strip(), SpanKind.INTERNAL, attributes, start, error, None)
        record.trace = trace.set_span_in_context(span)
        for end, at in attempts:
            self._attempt(end, at, record.trace)
        span.end(now)

    def _attempt(self, end: AttemptEnd, at: int, parent: context.Context) -> None:
        call = end.call
        operation = _what(call)[0] if call is not None else "chat"
        failure = end.failure
        attributes = {
            "gen_ai.operation.name": operation,
            "gen_ai.request.model": end.model,
            **(_request(call) if call is not None else {}),
            **_answer(end),
            "banstorm.outcome": end.outcome,
            "banstorm.provider": end.provider,
            "banstorm.credential": end.credential,
            "banstorm.cost_usd": end.bill.usd,
            "banstorm.tokens_estimated": True if end.bill.estimated else None,
        }
        if failure is not None:
            attributes |= {"http.response.status_code": failure.status or None, "banstorm.meaning": failure.meaning}
        error = failure.reason if failure is not None else ""
        start = at - round(end.seconds * 1e9)
        self._begin(f"{operation} {end.model}".strip(), SpanKind.CLIENT, attributes, start, error, parent).end(at)

    def _begin(
        self,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, Any],
        start: int,
        error: str,
        parent: context.Context | None,
    ) -> Span:
        told = {key: value for key, value in attributes.items() if value is not None and value != ""}
        span = self._tracer.start_span(name, parent, kind, told, start_time=start)
        if error:
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR))
        return span


class Traced:
    """Takes the caller's trace from its headers (`traceparent`), so that the spans belong to it.

    Args:
        app: The application behind.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in {b"traceparent", b"tracestate", b"baggage"}
        }
        token = context.attach(propagate.extract(carrier))
        try:
            await self._app(scope, receive, send)
        finally:
            context.detach(token)


def _what(record: CallRecord) -> tuple[str, str]:
    """What was asked for, and of which model, as the caller named it."""
    request = record.request
    if request is None:
        return "chat", record.model
    if request.operation == "service":
        return "service", ""
    return request.operation, str(request.chat().get("model") or record.model)


def _request(record: CallRecord) -> dict[str, Any]:
    request = record.request
    if request is None or request.operation != "chat":
        return {}
    return {
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.stream": record.stream,
    }


def _answer(end: AttemptEnd) -> dict[str, Any]:
    spent_in, spent_out, cached, written, _ = end.bill.tokens
    counted = bool(spent_in or spent_out)
    return {
        "gen_ai.provider.name": VENDORS.get(end.dialect, end.dialect),
        "gen_ai.response.model": end.response_model,
        "gen_ai.response.time_to_first_chunk": end.first_token_s,
        "gen_ai.usage.input_tokens": spent_in if counted else None,
        "gen_ai.usage.output_tokens": spent_out if counted else None,
        "gen_ai.usage.cache_read.input_tokens": cached or None,
        "gen_ai.usage.cache_creation.input_tokens": written or None,
    }


def _error(record: CallRecord) -> str:
    if record.outcome == "rejected":
        return record.attempts[-1].failure.reason if record.attempts else "rejected"
    return _ERRORS.get(record.outcome, "")
