"""Prometheus metrics, in a registry of the router's own. Label values come from the configuration and fixed tables."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from .errors import Failure
from .observer import CallRecord, Observer
from .policies.breaker import State
from .provider import LLMProvider

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_BREAKER = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics(Observer):
    """Counts what happens.

    Args:
        providers: Those whose series start at zero, so that a rate has a beginning.
    """

    def __init__(self, providers: Sequence[LLMProvider] = ()) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "llm_requests", "Attempts at a provider", ["provider", "model", "outcome"], registry=registry
        )
        self._failed = Counter(
            "llm_requests_failed", "Failed attempts by reason", ["provider", "model", "reason"], registry=registry
        )
        self._available = Gauge(
            "llm_provider_available", "1 while calls are sent to it", ["provider"], registry=registry
        )
        self._breaker = Gauge("llm_breaker_state", "0 closed, 1 half open, 2 open", ["provider"], registry=registry)
        self._openings = Counter(
            "llm_breaker_openings", "Times a breaker opened", ["provider", "reason"], registry=registry
        )
        self._failovers = Counter(
            "llm_failovers", "Calls that moved on after a failure", ["from", "to", "reason"], registry=registry
        )
        self._tokens = Counter(
            "llm_tokens", "Tokens as providers counted them", ["provider", "model", "direction"], registry=registry
        )
        self._calls = Counter("llm_calls", "Calls by what became of them", ["outcome"], registry=registry)
        self._duration = Histogram(
            "llm_request_duration_seconds", "A call, failed attempts included", registry=registry, buckets=_SECONDS
        )
        self._first_token = Histogram(
            "llm_time_to_first_token_seconds",
            "From a call to its stream's first token",
            registry=registry,
            buckets=_SECONDS,
        )
        self.in_flight = Gauge("llm_calls_in_flight", "Calls being served", registry=registry)
        for provider in providers:
            self._available.labels(provider.name).set(1)
            self._breaker.labels(provider.name).set(0)
            for outcome in ("ok", "failed", "cancelled"):
                self._requests.labels(provider.name, provider.model, outcome)
        # Children are looked up once: a lookup costs more than the increment.
        self._children: dict[tuple[str, ...], tuple[Counter, Counter, Counter, Counter]] = {}

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)

    def attempt_succeeded(self, provider: str, model: str, tokens: tuple[int, int, int]) -> None:
        """Counts the attempt and its tokens; cached tokens are a part of the input."""
        children = self._children.get((provider, model))
        if children is None:
            children = self._children[(provider, model)] = (
                self._requests.labels(provider, model, "ok"),
                self._tokens.labels(provider, model, "input"),
                self._tokens.labels(provider, model, "output"),
                self._tokens.labels(provider, model, "cached"),
            )
        children[0].inc()
        for child, count in zip(children[1:], tokens, strict=True):
            if count:
                child.inc(count)

    def attempt_failed(self, provider: str, model: str, failure: Failure) -> None:
        """Counts the failure under its reason."""
        self._requests.labels(provider, model, "failed").inc()
        self._failed.labels(provider, model, failure.reason).inc()

    def attempt_cancelled(self, provider: str, model: str) -> None:
        """Counts an attempt nobody waited for any more."""
        self._requests.labels(provider, model, "cancelled").inc()

    def failed_over(self, provider: str, to: str, reason: str) -> None:
        """Counts a call that moved on."""
        self._failovers.labels(provider, to, reason).inc()

    def breaker_moved(self, provider: str, state: State, failure: Failure | None) -> None:
        """Shows the new state."""
        self._breaker.labels(provider).set(_BREAKER[state])
        self._available.labels(provider).set(1 if state is State.CLOSED else 0)
        if state is State.OPEN:
            self._openings.labels(provider, failure.reason if failure else "unknown_error").inc()

    def call_ended(self, record: CallRecord) -> None:
        """Counts the call and how long it took."""
        self._calls.labels(record.outcome).inc()
        self._duration.observe(record.duration_s)
        if record.first_token_s is not None:
            self._first_token.observe(record.first_token_s)
