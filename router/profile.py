"""What the configuration says about a provider that its API doesn't: the policies' ground for choosing."""

from __future__ import annotations

from dataclasses import dataclass

from .prices import Price


@dataclass(frozen=True, slots=True)
class Profile:
    """A provider as its operator sees it.

    Attributes:
        region: Where it computes (`eu`), empty if nobody said; callers may be bound to regions.
        weight: Its share of calls under the order `weighted`.
        concurrency_max: Attempts at once; None for any number.
        price: What its tokens cost; None if nobody knows.
        capabilities: What it can do, of `tools`, `json`, `images`; None if nobody said, which means all.
        continues: How it goes on with an answer that another began: `prefill` takes an assistant's message at the end
            for the beginning of its own, `ask` is asked to; empty if it doesn't.
    """

    region: str = ""
    weight: float = 1.0
    concurrency_max: int | None = None
    price: Price | None = None
    capabilities: frozenset[str] | None = None
    continues: str = ""
