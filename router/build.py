"""From a configuration to a router that is ready to serve."""

from __future__ import annotations

from collections.abc import Sequence

from .config import Config, Provider
from .core import LLMRouter
from .load_config import read_key
from .observer import Observer
from .provider import LLMProvider
from .providers import provider_class
from .upstream import make_client


def build_providers(config: Config) -> list[LLMProvider]:
    """The configured providers, in their order; each has connections of its own.

    Raises:
        ConfigError: A key can't be read.
    """
    limits = config.limits
    return [
        provider_class(entry.dialect)(
            read_key(entry),
            entry.base_url,
            entry.model,
            name=entry.name,
            models=entry.models,
            max_tokens=entry.max_tokens,
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
            move_on=_move_on(config, entry),
            options=entry.options,
        )
        for entry in config.providers
    ]


def _move_on(config: Config, entry: Provider) -> frozenset[str]:
    """What is refused here for a reason that another provider may not have."""
    reasons = {"content_policy"} if config.content_refusals == "elsewhere" else set()
    if entry.context is not None and any((other.context or 0) > entry.context for other in config.providers):
        reasons.add("context_length")
    return frozenset(reasons)


def build_router(config: Config, providers: Sequence[LLMProvider], observers: Sequence[Observer] = ()) -> LLMRouter:
    """The router with the configured policies."""
    return LLMRouter(
        providers,
        fallback=config.fallback,
        breaker=config.breaker,
        retry=config.retry,
        timeouts=config.timeouts,
        observers=observers,
    )
