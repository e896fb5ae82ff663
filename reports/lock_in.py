"""Cost lock-in: what the good answers would have cost had one provider's model given all of them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from .history import History
from .manifest import Price, Rates
from .result_money import LockInOut

BASIS: Final = (
    "The tokens billed for the attempts that gave a good answer, at each provider's list price. Tokens are taken as "
    "they were counted where they were billed, though tokenisers differ, and cached ones as cached there, too."
)
PER_MILLION: Final = 1e6
TOKENS: Final = ("input_tokens", "cached_tokens", "cache_write_tokens", "produced_tokens")
"""The columns of an invoice that a price is of."""


def lock_in_out(history: History) -> list[LockInOut]:
    """A row a provider of the scenario, in its order."""
    useful = history.billed.loc[history.billed["useful"], ["usd", *TOKENS]]
    really, answers = float(useful["usd"].sum()), int(history.good.sum())
    found = []
    for name, provider in history.scenario.providers.items():
        price = history.run.manifest.prices.get(name)
        reason = None
        if price is None:
            reason = "the run's folder names no price for it"
        elif useful.empty:
            reason = "no good answer was billed"
        if price is None or reason is not None:
            model = provider.model if price is None else price.model
            found.append(
                LockInOut(provider=name, model=model, usd=None, usd_per_answer=None, factor=None, reason=reason)
            )
            continue
        usd = float(usd_at(price, useful).sum())
        found.append(
            LockInOut(
                provider=name,
                model=price.model,
                usd=usd,
                usd_per_answer=usd / answers,
                factor=usd / really if really else None,
            )
        )
    return found


def usd_at(price: Price, invoices: pd.DataFrame) -> npt.NDArray[np.float64]:
    """What each invoice's tokens cost at `price`, in US dollars."""

    def tokens(column: str) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = np.nan_to_num(invoices[column].to_numpy(dtype=np.float64, na_value=np.nan))
        return found

    whole, cached, written = tokens("input_tokens"), tokens("cached_tokens"), tokens("cache_write_tokens")
    produced = tokens("produced_tokens")

    def at(rates: Rates) -> npt.NDArray[np.float64]:
        fresh = whole - cached - written
        usd = fresh * rates.input + cached * rates.cached + written * rates.cache_write + produced * rates.output
        found: npt.NDArray[np.float64] = usd / PER_MILLION
        return found

    if price.long is None or price.long_above_tokens is None:
        return at(price.rates)
    long, usual = at(price.long), at(price.rates)
    usual[whole > price.long_above_tokens] = long[whole > price.long_above_tokens]
    return usual
