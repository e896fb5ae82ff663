"""Prices: what a model's tokens cost, from a dated table that the configuration may override."""

from __future__ import annotations

import re
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


# gpt-5.4-mini-2026-03-05, claude-sonnet-4-5-20250929, claude-haiku-4-5@20251001, mistral-large-latest, and Bedrock's
# anthropic.claude-sonnet-4-5-20250929-v1:0; `gpt-5.4-mini` is no version of `gpt-5.4`
_VERSION = re.compile(r"(?:-\d{4}-\d{2}-\d{2}|-latest|(?:[-@]\d{6,8})?(?:-v\d+(?::\d+)?)?)$")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens.

    Attributes:
        input: Fresh input.
        output: Output, reasoning included.
        cached: Input from the provider's cache.
        cache_write: Input put there for minutes; as fresh input if None.
        cache_write_1h: Input put there for an hour; as for minutes if None.
        long_above: A prompt of more tokens than this, cached ones included, costs `long` as a whole.
        long: What it costs then.
    """

    input: float
    output: float
    cached: float
    cache_write: float | None = None
    cache_write_1h: float | None = None
    long_above: int | None = None
    long: Price | None = None

    def usd(
        self,
        input_tokens: int,
        output_tokens: int,
        cached_tokens: int = 0,
        written_tokens: int = 0,
        written_1h: int = 0,
    ) -> float:
        """What an answer costs; cached and written tokens are a part of the input, `written_1h` of those written."""
        if self.long is not None and self.long_above is not None and input_tokens > self.long_above:
            return self.long.usd(input_tokens, output_tokens, cached_tokens, written_tokens, written_1h)
        fresh = max(0, input_tokens - cached_tokens - written_tokens)
        usd = fresh * self.input + cached_tokens * self.cached + output_tokens * self.output
        if written_tokens:
            brief = self.input if self.cache_write is None else self.cache_write
            hour = brief if self.cache_write_1h is None else self.cache_write_1h
            usd += max(0, written_tokens - written_1h) * brief + written_1h * hour
        return usd / TOKENS_PER_PRICE

    @property
    def blended(self) -> float:
        """One number to compare by, in US dollars per million tokens."""
        return self.input * (1 - OUTPUT_SHARE) + self.output * OUTPUT_SHARE

    def blended_for(self, input_tokens: int) -> float:
        """The same for a prompt of so many tokens, which may be a long one."""
        if self.long is not None and self.long_above is not None and input_tokens > self.long_above:
            return self.long.blended
        return self.blended


@cache
def shipped() -> Mapping[str, Price]:
    """The table that comes with the router; its file says when it was read and from where."""
    document: dict[str, Any] = yaml.safe_load(TABLE.read_text("utf-8"))
    return {model: read_price(row) for model, row in document["models"].items()}


def read_price(row: Mapping[str, Any]) -> Price:
    """A row of the table. What is missing costs as fresh input does; what `long` leaves out is as without it."""
    long = row.get("long")
    return Price(
        row["input"],
        row["output"],
        row.get("cached", row["input"]),
        row.get("cache_write"),
        row.get("cache_write_1h"),
        None if long is None else int(long["above_tokens"]),
        None if long is None else read_price({**{k: v for k, v in row.items() if k != "long"}, **long}),
    )


def find(model: str, table: Mapping[str, Price] | None = None) -> Price | None:
    """A model's price; a version of it (`gpt-4o-2024-08-06`) costs the same. None if nobody knows.

    A reseller's name for it (`openai/gpt-4o`) is looked up as it is, then without what stands before the stroke.
    """
    table = shipped() if table is None else table
    base = _VERSION.sub("", model)
    bare = base.rpartition("/")[2]
    return table.get(model) or table.get(base) or table.get(bare)
