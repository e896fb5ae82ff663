"""List prices of models, from the dated table beside this file or from one of the user's own."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import yaml

TABLE_FILE: Final = Path(__file__).with_name("prices.yaml")
UNPRICED_MAX: Final = 1000
"""Models without a price that are remembered, so that each is named once; model names come from callers."""
# claude-sonnet-4-5-20250929, claude-haiku-4-5@20251001, gpt-5.4-mini-2026-03-05, mistral-large-latest, and Bedrock's
# anthropic.claude-sonnet-4-5-20250929-v1:0
_SNAPSHOT: Final = re.compile(r"(?:-\d{4}-\d{2}-\d{2}|-latest|(?=[-@]\d{8}|-v\d)(?:[-@]\d{8})?(?:-v\d+(?::\d+)?)?)$")
_CACHE_FIELDS: Final = ("cached", "cache_write", "cache_write_1h")
_FIELDS: Final = frozenset({"input", "output", *_CACHE_FIELDS, "long", "source"})
_LONG_FIELDS: Final = frozenset({"input", "output", *_CACHE_FIELDS, "above_tokens"})

_log = logging.getLogger(__name__)


class PriceTableError(ValueError):
    """A price table can't be understood; the message names the file, the model and the field."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices in US dollars per million tokens, each field for tokens of its kind."""

    input: float
    output: float
    cached: float
    cache_write: float
    cache_write_1h: float


@dataclass(frozen=True, slots=True)
class Price:
    """A model's list price; `source` says where it was read. Prompts over `long_above_tokens` cost the `long` rates."""

    rates: Rates
    source: str
    long_above_tokens: int | None = None
    long: Rates | None = None

    def usd(
        self,
        input_tokens: int,
        cached_tokens: int,
        output_tokens: int,
        *,
        cache_write_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
    ) -> float:
        """Price of a request in US dollars.

        Args:
            input_tokens: The whole prompt, with what the cache had and what was put there.
            cached_tokens: What the cache had.
            output_tokens: What was produced.
            cache_write_tokens: What was put into the cache, for however long.
            cache_write_1h_tokens: The part of it that stays for an hour.
        """
        rates = self.rates
        if self.long is not None and self.long_above_tokens is not None and input_tokens > self.long_above_tokens:
            rates = self.long
        fresh = input_tokens - cached_tokens - cache_write_tokens
        usd = fresh * rates.input + cached_tokens * rates.cached + output_tokens * rates.output
        if cache_write_tokens:
            brief = cache_write_tokens - cache_write_1h_tokens
            usd += brief * rates.cache_write + cache_write_1h_tokens * rates.cache_write_1h
        return usd / 1e6


class PriceTable:
    """Prices by model. A dated snapshot (`claude-sonnet-4-5-20250929`) costs what its base model costs."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)
        self._unpriced: set[str] = set()

    @classmethod
    def load(cls, *overrides: Path | Mapping[str, Any]) -> Self:
        """The table of this package with each of `overrides` laid over it, model by model.

        Args:
            overrides: Files like the package's own, or what such a file has under `models`.

        Raises:
            PriceTableError: when a file can't be read or has an entry that is no price.
        """
        prices = dict(_own_table())
        for each in overrides:
            prices.update(_read(each) if isinstance(each, Path) else _prices("the prices given", each))
        return cls(prices)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The models that were asked for and have no price."""
        return tuple(sorted(self._unpriced))

    def find(self, model: str) -> Price | None:
        """The price of `model`, None if it has none; each such model is named once in a warning."""
        price = self._prices.get(model)
        if price is None:
            base = _SNAPSHOT.sub("", model)
            price = self._prices.get(base) or self._prices.get(base.rpartition("/")[2])
            if price is not None:
                if len(self._prices) < UNPRICED_MAX:
                    self._prices[model] = price  # the next look-up is a plain one
            elif model not in self._unpriced and len(self._unpriced) < UNPRICED_MAX:
                self._unpriced.add(model)
                _log.warning("model %r has no price, it is billed at zero; add it to a price table of your own", model)
        return price

    def bill(
        self,
        model: str,
        input_tokens: int,
        cached_tokens: int,
        output_tokens: int,
        *,
        cache_write_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
    ) -> tuple[float, bool]:
        """US dollars for a request (`Price.usd`), and whether the model has a price at all."""
        price = self.find(model)
        if price is None:
            return 0.0, False
        usd = price.usd(
            input_tokens,
            cached_tokens,
            output_tokens,
            cache_write_tokens=cache_write_tokens,
            cache_write_1h_tokens=cache_write_1h_tokens,
        )
        return usd, True


@cache
def _own_table() -> dict[str, Price]:
    return _read(TABLE_FILE)


def _read(path: Path) -> dict[str, Price]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PriceTableError(f"can't read the price table {str(path)!r}: {error}") from error
    models = document.get("models") if isinstance(document, dict) else None
    if not isinstance(models, dict):
        raise PriceTableError(
            f"{str(path)!r} has no mapping `models`: write `models: {{name: {{input: 1, output: 2}}}}`"
        )
    return _prices(repr(str(path)), models, path.name)


def _prices(where: str, models: Mapping[str, Any], source: str = "given") -> dict[str, Price]:
    return {str(name): _price(f"{where}, model {str(name)!r}", entry, source) for name, entry in models.items()}


def _price(where: str, entry: Any, source: str) -> Price:
    if not isinstance(entry, dict) or not entry.keys() <= _FIELDS:
        raise PriceTableError(f"{where}: expected a mapping with {', '.join(sorted(_FIELDS))}, got {entry!r}")
    rates, named = _rates(where, entry), str(entry.get("source", source))
    if "long" not in entry:
        return Price(rates, named)
    where, long = f"{where}, long", entry["long"]
    if not isinstance(long, dict) or not long.keys() <= _LONG_FIELDS:
        raise PriceTableError(f"{where}: expected a mapping with {', '.join(sorted(_LONG_FIELDS))}, got {long!r}")
    above, _ = _number(where, long, "above_tokens"), _number(where, long, "input")
    return Price(rates, named, int(above), _rates(where, {**entry, **long}))


def _rates(where: str, entry: Mapping[str, Any]) -> Rates:
    def rate(key: str, usual: float) -> float:
        return _number(where, entry, key) if key in entry else usual

    fresh = _number(where, entry, "input")
    written = rate("cache_write", fresh)
    return Rates(
        input=fresh,
        output=_number(where, entry, "output"),
        cached=rate("cached", fresh),
        cache_write=written,
        cache_write_1h=rate("cache_write_1h", written),  # who keeps it longer pays no less
    )


def _number(where: str, entry: Mapping[str, Any], key: str) -> float:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise PriceTableError(f"{where}: {key!r} must be a number from 0, got {value!r}")
    return float(value)
