"""Prometheus metrics, in a registry of the router's own. Label values come from the configuration and fixed tables.

`router/prometheus-rules.yaml` holds the alerts that go with them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from .observer import AttemptEnd, BreakerMove, CallRecord, Observer
from .policies.breaker import State
from .policies.spending import Purse
from .provider import LLMProvider
from .renewal import Outcome

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_BREAKER = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}
_BREAKER_LABELS = ("provider", "credential", "model", "scope")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_EVERYBODY = "total"
"""The `budget` label of the budget that all providers share."""


class _Children:
    """The series of one provider and model, looked up once: a lookup costs more than the increment."""

    __slots__ = ("cached", "input", "ok", "output", "seconds", "usd", "written")

    def __init__(self, metrics: Metrics, provider: str, model: str) -> None:
        self.ok = metrics.requests.labels(provider, model, "ok")
        self.seconds = metrics.seconds.labels(provider)
        self.input = metrics.tokens.labels(provider, model, "input", "counted")
        self.output = metrics.tokens.labels(provider, model, "output", "counted")
        self.cached = metrics.tokens.labels(provider, model, "cached", "counted")
        self.written = metrics.tokens.labels(provider, model, "cache_write", "counted")
        self.usd = metrics.usd.labels(provider, model, "ok", "counted")


class _LogLines(Collector):
    """Asked for at each scrape: a thread drops them, and no observer hears of it."""

    def __init__(self, dropped: Callable[[], int]) -> None:
        self._dropped = dropped

    def collect(self) -> Iterable[Metric]:
        what = "Log lines dropped because nobody took them"
        yield CounterMetricFamily("llm_log_lines_dropped", what, value=self._dropped())


class Metrics(Observer):
    """Counts what happens.

    Args:
        providers: Those whose series start at zero, so that a rate has a beginning.
    """

    def __init__(self, providers: Sequence[LLMProvider] = ()) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(name, what, labels, registry=registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(name, what, labels, registry=registry)

        def histogram(name: str, what: str, *labels: str) -> Histogram:
            return Histogram(name, what, labels, registry=registry, buckets=_SECONDS)

        self.requests = counter("llm_requests", "Attempts at a provider", "provider", "model", "outcome")
        self.seconds = histogram("llm_provider_duration_seconds", "Good attempts, a stream's to its end", "provider")
        self.tokens = counter(
            "llm_tokens", "Tokens; cached and cache_write are parts of input", "provider", "model", "direction", "basis"
        )
        self.usd = counter(
            "llm_cost_usd",
            "US dollars, failed and abandoned attempts included",
            "provider",
            "model",
            "outcome",
            "basis",
        )
        self._failed = counter("llm_requests_failed", "Failed attempts by reason", "provider", "model", "reason")
        self._available = gauge("llm_provider_available", "1 while any of its lanes gets calls", "provider")
        self._changes = counter("llm_provider_availability_changes", "Times it went or came back", "provider", "to")
        self._breaker = gauge("llm_breaker_state", "0 closed, 1 half open, 2 open", *_BREAKER_LABELS)
        self._openings = counter("llm_breaker_openings", "Times a breaker opened", "provider", "scope", "reason")
        self._failovers = counter("llm_failovers", "Calls that moved on after a failure", "from", "to", "reason")
        self._costly = counter("llm_costly_failovers", "Failovers above failover_cost", "provider", "action")
        self._alerts = counter("llm_budget_alerts", "Alert thresholds that a budget passed", "budget")
        self._renewals = counter(
            "llm_oauth_renewals", "Exchanges of a login's refresh token", "provider", "credential", "outcome"
        )
        self._lost = gauge("llm_oauth_login_lost", "1 while only a new login helps", "provider", "credential")
        self._expires = gauge(
            "llm_oauth_token_expiry_timestamp_seconds", "When the access token ends", "provider", "credential"
        )
        self._calls = counter("llm_calls", "Calls by what became of them", "outcome")
        self._old_answers = counter(
            "llm_old_answers", "Exhausted calls that got the last good answer of before", "provider"
        )
        self._duration = histogram("llm_request_duration_seconds", "A call, failed attempts included")
        self._waited = histogram("llm_waited_seconds", "Calls that waited for somebody to come back")
        self._first_token = histogram("llm_time_to_first_token_seconds", "From a call to its stream's first token")
        self.in_flight = gauge("llm_calls_in_flight", "Calls being served")
        self._spent = gauge("llm_budget_spent_ratio", "Spent of a period's limit", "budget")
        self._limit = gauge("llm_budget_limit_usd", "A period's limit", "budget")
        self._up: dict[str, bool] = {}
        self._gets_calls: Callable[[str], bool] = lambda name: self._up.get(name, False)
        self._children: dict[tuple[str, str], _Children] = {}
        for provider in providers:
            self.add_provider(provider)
        for outcome in ("ok", "exhausted", "interrupted", "rejected", "cancelled"):
            self._calls.labels(outcome)

    def add_provider(self, provider: LLMProvider) -> None:
        """A provider's series begin at zero."""
        self._up.setdefault(provider.name, True)
        name = provider.name
        # Asked for at each scrape: a budget is spent, and its next period begins, without a breaker's move.
        self._available.labels(name).set_function(lambda: self._gets_calls(name))
        for to in ("up", "down"):
            self._changes.labels(provider.name, to)
        for scope in ("all", "streams"):
            self._breaker.labels(provider.name, provider.credential, provider.model, scope).set(0)
        self.seconds.labels(provider.name)
        for outcome in ("ok", "failed", "rejected", "cancelled"):
            self.requests.labels(provider.name, provider.model, outcome)

    def forget(self, provider: str) -> None:
        """A provider left, or its credentials did: what it is now isn't told any more; its counters stay."""
        self._up.pop(provider, None)
        login = ("provider", "credential")
        gone = ((self._available, ("provider",)), (self._breaker, _BREAKER_LABELS), (self._lost, login))
        budget = ("budget",)
        for gauge, labels in (*gone, (self._expires, login), (self._spent, budget), (self._limit, budget)):
            for sample in next(iter(gauge.collect())).samples:
                if sample.labels[labels[0]] == provider:
                    gauge.remove(*(sample.labels[label] for label in labels))

    def show_availability(self, gets_calls: Callable[[str], bool]) -> None:
        """Show whether calls go to a provider as this tells by its name, not as its breakers alone do."""
        self._gets_calls = gets_calls

    def show_budgets(self, purses: Mapping[str, Purse]) -> None:
        """Show these budgets, by provider."""
        for name, purse in purses.items():
            label = name or _EVERYBODY
            # Asked for at each scrape, so that a new period shows though nobody spends in it.
            self._spent.labels(label).set_function(lambda of=purse: of.share)  # type: ignore[misc]
            self._limit.labels(label).set(purse.limit_usd)
            self._alerts.labels(label)

    def show_log(self, dropped: Callable[[], int]) -> None:
        """Show how many log lines were dropped because nobody took them."""
        self.registry.register(_LogLines(dropped))

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)

    def attempt_ended(self, end: AttemptEnd) -> None:
        """Counts the attempt, its tokens and its cost."""
        bill = end.bill
        if end.outcome != "ok":
            self._unsuccessful(end)
            return
        key = (end.provider, end.model)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = _Children(self, *key)
        children.ok.inc()
        children.seconds.observe(end.seconds)
        if bill.estimated:
            self._tokens(end, "estimated")
            return
        spent_in, spent_out, cached, written, _ = bill.tokens
        children.input.inc(spent_in)
        children.output.inc(spent_out)
        if cached:
            children.cached.inc(cached)
        if written:
            children.written.inc(written)
        if bill.usd:
            children.usd.inc(bill.usd)

    def _unsuccessful(self, end: AttemptEnd) -> None:
        basis = "estimated" if end.bill.estimated else "counted"
        self.requests.labels(end.provider, end.model, end.outcome).inc()
        if end.failure is not None:
            self._failed.labels(end.provider, end.model, end.failure.reason).inc()
        self._tokens(end, basis)

    def _tokens(self, end: AttemptEnd, basis: str) -> None:
        for direction, count in zip(("input", "output", "cached", "cache_write"), end.bill.tokens[:4], strict=True):
            if count:
                self.tokens.labels(end.provider, end.model, direction, basis).inc(count)
        if end.bill.usd:
            self.usd.labels(end.provider, end.model, end.outcome, basis).inc(end.bill.usd)

    def failed_over(self, provider: str, to: str, reason: str) -> None:
        """Counts a call that moved on."""
        self._failovers.labels(provider, to, reason).inc()

    def breaker_moved(self, move: BreakerMove) -> None:
        """Shows the new state."""
        self._breaker.labels(move.provider, move.credential, move.model, move.scope).set(_BREAKER[move.state])
        if self._up.get(move.provider) is not move.available:
            self._up[move.provider] = move.available
            self._changes.labels(move.provider, "up" if move.available else "down").inc()
        if move.state is State.OPEN:
            reason = move.failure.reason if move.failure else "unknown_error"
            self._openings.labels(move.provider, move.scope, reason).inc()

    def costly_failover(self, provider: str, times: float, *, refused: bool) -> None:  # noqa: ARG002 - a value, no label
        """Counts it."""
        self._costly.labels(provider, "refused" if refused else "allowed").inc()

    def budget_alert(self, budget: str, share: float) -> None:  # noqa: ARG002 - a value, no label
        """Counts it."""
        self._alerts.labels(budget or _EVERYBODY).inc()

    def token_renewed(self, provider: str, credential: str, outcome: str, life_s: float) -> None:
        """Counts the exchange, and shows when the token ends."""
        self._renewals.labels(provider, credential, outcome).inc()
        self._lost.labels(provider, credential).set(outcome not in {Outcome.OK, Outcome.DOWN})
        self._expires.labels(provider, credential).set(time.time() + life_s)

    def call_ended(self, record: CallRecord) -> None:
        """Counts the call and how long it took."""
        self._calls.labels(record.outcome).inc()
        if record.old_answer_of:
            self._old_answers.labels(record.old_answer_of).inc()
        self._duration.observe(record.duration_s)
        if record.waited_s:
            self._waited.observe(record.waited_s)
        if record.first_token_s is not None:
            self._first_token.observe(record.first_token_s)
