"""Prices: what a model's tokens cost, from a dated table that the configuration may override."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TOKENS_PER_PRICE = 1_000_000
TABLE = Path(__file__).with_name("prices.yaml")
OUTPUT_SHARE = 0.25
"""Output's share in the one number by which two prices are compared; three tokens in for one out is a common mix."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens.

    Attributes:
        input: Fresh input.
        output: Output, reasoning included.
        cached: Input from the provider's cache.
    """

    input: float
    output: float
    cached: float

    def usd(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """What an answer costs; cached tokens are a part of the input."""
        fresh = max(0, input_tokens - cached_tokens)
        return (fresh * self.input + cached_tokens * self.cached + output_tokens * self.output) / TOKENS_PER_PRICE

    @property
    def blended(self) -> float:
        """One number to compare by, in US dollars per million tokens."""
        return self.input * (1 - OUTPUT_SHARE) + self.output * OUTPUT_SHARE


@cache
def shipped() -> Mapping[str, Price]:
    """The table that comes with the router; its file says when it was read and from where."""
    document: dict[str, Any] = yaml.safe_load(TABLE.read_text("utf-8"))
    return {
        model: Price(row["input"], row["output"], row.get("cached", row["input"]))
        for model, row in document["models"].items()
    }


def find(model: str, table: Mapping[str, Price] | None = None) -> Price | None:
    """A model's price; a version of it (`gpt-4o-2024-08-06`) costs the same. None if nobody knows."""
    table = shipped() if table is None else table
    found = table.get(model)
    if found is None:
        names = [name for name in table if model.startswith(f"{name}-") and _is_version(model[len(name) + 1 :])]
        found = table[max(names, key=len)] if names else None
    return found


def _is_version(rest: str) -> bool:
    # `gpt-4o-2024-08-06` and `mistral-large-latest` are versions; `gpt-5.4-mini` is another model.
    return rest[:1].isdigit() or rest == "latest"
