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
_SNAPSHOT: Final = re.compile(r"(?:[-@]\d{8}|-\d{4}-\d{2}-\d{2}|-latest)$")
_FIELDS: Final = frozenset({"input", "output", "cached", "long", "source"})

_log = logging.getLogger(__name__)


class PriceTableError(ValueError):
    """A price table can't be understood; the message names the file, the model and the field."""


@dataclass(frozen=True, slots=True)
class Price:
    """A model's list price, in US dollars per million tokens; `source` says where it was read.

    From `long_above_tokens` input tokens on, input costs `long_input` instead.
    """

    input: float
    output: float
    cached: float
    source: str
    long_above_tokens: int | None = None
    long_input: float = 0.0

    def usd(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """Price of a request; `input_tokens` include `cached_tokens`."""
        rate = self.input
        if self.long_above_tokens is not None and input_tokens > self.long_above_tokens:
            rate = self.long_input
        fresh = input_tokens - cached_tokens
        return (fresh * rate + cached_tokens * self.cached + output_tokens * self.output) / 1e6


class PriceTable:
    """Prices by model. A dated snapshot (`claude-sonnet-4-5-20250929`) costs what its base model costs."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)
        self._unpriced: set[str] = set()

    @classmethod
    def load(cls, *overrides: Path) -> Self:
        """The table of this package with each of `overrides` laid over it, model by model.

        Raises:
            PriceTableError: when a file can't be read or has an entry that is no price.
        """
        prices = dict(_own_table())
        for path in overrides:
            prices.update(_read(path))
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

    def bill(self, model: str, input_tokens: int, cached_tokens: int, output_tokens: int) -> tuple[float, bool]:
        """US dollars for a request, and whether the model has a price at all."""
        price = self.find(model)
        if price is None:
            return 0.0, False
        return price.usd(input_tokens, cached_tokens, output_tokens), True


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
    return {str(name): _price(path, str(name), entry) for name, entry in models.items()}


def _price(path: Path, name: str, entry: Any) -> Price:
    where = f"{str(path)!r}, model {name!r}"
    if not isinstance(entry, dict) or not entry.keys() <= _FIELDS:
        raise PriceTableError(f"{where}: expected a mapping with {', '.join(sorted(_FIELDS))}, got {entry!r}")
    rate_in = _number(where, entry, "input")
    rate_out = _number(where, entry, "output")
    cached = _number(where, entry, "cached") if "cached" in entry else rate_in
    source = str(entry.get("source", path.name))
    if "long" not in entry:
        return Price(rate_in, rate_out, cached, source)
    long = entry["long"] if isinstance(entry["long"], dict) else {}
    above = _number(f"{where}, long", long, "above_tokens")
    return Price(rate_in, rate_out, cached, source, int(above), _number(f"{where}, long", long, "input"))


def _number(where: str, entry: Mapping[str, Any], key: str) -> float:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise PriceTableError(f"{where}: {key!r} must be a number from 0, got {value!r}")
    return float(value)
