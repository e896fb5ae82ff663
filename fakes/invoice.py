"""What a provider would bill for one request: its own bookkeeping, a run's third witness."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Bill:
    """One request as the provider's accounts see it; a host turns it into a row of the `invoices` table.

    Attributes:
        attempt: The id that the injector gave the request, None for traffic without one.
        provider: Name of the fake that answered.
        model: Model asked for, "" when the request was refused before it was known.
        input_tokens: Tokens of the prompt, cached ones included; 0 when refused.
        cached_tokens: The part of `input_tokens` that came from the provider's cache.
        produced_tokens: Output tokens produced, those included that nobody waited for.
        usd: Price of it all, in US dollars.
        priced: False when the model has no price and was billed at zero.
        completed: Whether the whole answer was handed over.
        at_ns: When it was billed, `time.monotonic_ns()`.
        cache_write_tokens: The part of `input_tokens` that was put into the provider's cache.
    """

    attempt: str | None
    provider: str
    model: str
    input_tokens: int
    cached_tokens: int
    produced_tokens: int
    usd: float
    priced: bool
    completed: bool
    at_ns: int
    cache_write_tokens: int = 0
