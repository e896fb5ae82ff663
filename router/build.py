"""From a configuration to a router that is ready to serve."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from .access_tokens import AccessTokens
from .config import Config, Provider
from .config_money import Budget
from .core import LLMRouter
from .credentials import read_keys
from .http_provider import HTTPProvider
from .oauth_login import OAuthLogin
from .observer import Observer
from .policies.last_good import LastGood
from .policies.order import ORDERS, Capable
from .policies.spending import Ceiling, Purse
from .provider import LLMProvider
from .providers import provider_class
from .refresh_token import read_logins
from .token_endpoint import TOKEN_PATH, TokenEndpoint
from .upstream import make_client


def build_providers(config: Config) -> list[LLMProvider]:
    """The configured providers, in their order, one for each of their credentials.

    Raises:
        ConfigError: A key can't be read.
    """
    return [provider for entry in config.providers for provider in build_pool(config, entry)]


def build_pool(config: Config, entry: Provider) -> list[LLMProvider]:
    """One provider, once for each of its credentials; each has connections of its own.

    Raises:
        ConfigError: A key can't be read.
    """
    pool: list[LLMProvider] = [_provider(config, entry, key, label) for label, key in read_keys(entry)]
    for label, kept, login in read_logins(entry):
        client = make_client(connections_max=1, connect_s=config.timeouts.connect, proxy_from_env=config.proxy_from_env)
        url = login.token_url or entry.base_url.rstrip("/") + TOKEN_PATH
        tokens = AccessTokens(
            kept,
            TokenEndpoint(url, client, client_id=login.client_id, scope=login.scope),
            name=f"{entry.name} ({label})",
            clock=time.monotonic,
            ahead_s=login.ahead,
        )
        pool.append(OAuthLogin(_provider(config, entry, None, label), tokens))
    return pool


def _provider(config: Config, entry: Provider, key: str | None, label: str) -> HTTPProvider:
    limits = config.limits
    made: HTTPProvider = provider_class(entry.dialect)(
        key,
        entry.base_url,
        entry.model,
        name=entry.name,
        models=entry.models,
        max_tokens=entry.max_tokens,
        max_output_tokens=entry.max_output_tokens,
        validate=config.validate_answers,
        # Twice: a failover starts before the failed attempt's connection is gone.
        client=make_client(
            connections_max=2 * limits.in_flight_max,
            connect_s=config.timeouts.connect,
            proxy_from_env=config.proxy_from_env,
        ),
        owns_client=True,
        retry_after_max_s=config.breaker.retry_after_max,
        answer_bytes_max=limits.answer_bytes_max,
        event_bytes_max=limits.event_bytes_max,
        move_on=move_on(config, entry, config.providers),
        options=entry.options,
    )
    made.credential, made.profile = label, entry.profile()
    return made


def move_on(config: Config, entry: Provider, fleet: Iterable[Provider]) -> frozenset[str]:
    """What is refused here for a reason that another provider of the fleet may not have."""
    reasons = {"content_policy"} if config.content_refusals == "elsewhere" else set()
    if any(_may_read_more(entry, other) for other in fleet):
        reasons.add("context_length")
    return frozenset(reasons)


def _may_read_more(entry: Provider, other: Provider) -> bool:
    """Whether a prompt that is too long here may fit there: unless both contexts are known, nobody can say."""
    if other.name == entry.name:
        return False
    return entry.context is None or other.context is None or other.context > entry.context


def build_router(config: Config, providers: Sequence[LLMProvider], observers: Sequence[Observer] = ()) -> LLMRouter:
    """The router with the configured policies."""
    cost, known = config.failover_cost, config.last_good
    observed(providers, observers)
    return LLMRouter(
        providers,
        fallback=config.fallback,
        breaker=config.breaker,
        retry=config.retry,
        timeouts=config.timeouts,
        order=Capable(ORDERS[config.order]()) if config.fallback else None,
        buffered=config.streams == "buffer",
        continuing=config.streams == "continue",
        last_good=LastGood(known.entries_max, known.age_max, time.monotonic) if known.enabled else None,
        waiting_max=config.limits.waiting_max,
        purses=build_purses(config, observers),
        ceiling=None if cost is None else Ceiling(cost.times_max, refuse=cost.action == "refuse"),
        hedge=config.hedge,
        observers=observers,
    )


def observed(providers: Sequence[LLMProvider], observers: Sequence[Observer]) -> None:
    """Tell these observers of the logins' renewals."""
    for provider in providers:
        if isinstance(provider, OAuthLogin):
            provider.observed_by(observers)


def warm_up(providers: Sequence[LLMProvider]) -> None:
    """Have the logins' first tokens before a call needs them; a running loop is needed."""
    for provider in providers:
        if isinstance(provider, OAuthLogin):
            provider.warm_up()


def build_purses(config: Config, observers: Sequence[Observer] = ()) -> dict[str, Purse]:
    """The configured budgets by provider; everybody's is called `` (nothing)."""

    def alerted(name: str, share: float) -> None:
        for observer in observers:
            observer.budget_alert(name, share)

    budgets: dict[str, Budget | None] = {"": config.budget, **{each.name: each.budget for each in config.providers}}
    return {
        name: Purse(name, each.usd, each.per, alerts=each.alerts, hard=each.hard, clock=time.monotonic, alerted=alerted)
        for name, each in budgets.items()
        if each is not None
    }
