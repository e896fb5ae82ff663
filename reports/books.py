"""Whether the router's books agree with the invoices: what its answers say was used, and what its metrics count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson
import pandas as pd

from .history import History
from .result_money import BookOut
from .result_value import RowsOut

ROWS_MAX: Final = 50
"""Most calls named whose numbers disagree."""
INPUT: Final = "input tokens"
OUTPUT: Final = "output tokens"
USD: Final = "USD"
_SCRAPE_NS: Final = 100_000_000
"""Nanoseconds that the samples of one scrape lie apart at most; scrapes are a second apart."""
_COLUMNS: Final = {INPUT: "input_tokens", OUTPUT: "produced_tokens", USD: "usd"}


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of a router's that counts what invoices bill: of `name`, the series that carry `labels`."""

    name: str
    what: str
    labels: tuple[tuple[str, str], ...] = ()


COUNTERS: Final = (
    # The reference router.
    Counter("llm_tokens_total", INPUT, (("direction", "input"),)),
    Counter("llm_tokens_total", OUTPUT, (("direction", "output"),)),
    Counter("llm_cost_usd_total", USD),
    # OpenTelemetry's semantic conventions for generative AI, as Prometheus spells them.
    Counter("gen_ai_client_token_usage_sum", INPUT, (("gen_ai_token_type", "input"),)),
    Counter("gen_ai_client_token_usage_sum", OUTPUT, (("gen_ai_token_type", "output"),)),
    # LiteLLM's Prometheus callback.
    Counter("litellm_input_tokens_metric_total", INPUT),
    Counter("litellm_output_tokens_metric_total", OUTPUT),
    Counter("litellm_spend_metric_total", USD),
)
"""The counters that are known; another router's are looked for here by name."""


def books_out(history: History) -> list[BookOut]:
    """The answers' usage, then each counter of the router's that is known."""
    return [_usage(history), *_metrics(history)]


def reported(history: History) -> pd.DataFrame:
    """The calls whose answer reported its output tokens and was billed: `said` and `billed` tokens, by call."""
    calls, billed = history.calls, history.billed
    answering = billed["answering"].to_numpy(dtype=bool)
    place = billed["place"].to_numpy()[answering]
    tokens = np.bincount(place, weights=billed["produced_tokens"].to_numpy()[answering], minlength=len(calls))
    there = np.zeros(len(calls), dtype=bool)
    there[place] = True
    there &= (calls["tokens_reported"].notna() & ~calls["call"].duplicated()).to_numpy()
    told = calls.loc[there, ["call", "tokens_reported"]]
    both = pd.DataFrame(
        {"said": told["tokens_reported"].to_numpy(dtype=np.int64), "billed": tokens[there]}, told["call"]
    )
    return both.astype("int64").sort_index()


def _usage(history: History) -> BookOut:
    both = reported(history)
    said, billed = int(both["said"].sum()), int(both["billed"].sum())
    off = both.index[both["said"] != both["billed"]]
    return BookOut(
        source="the answers' usage",
        what=OUTPUT,
        said=said if len(both) else None,
        billed=billed if len(both) else None,
        ratio=said / billed if billed else None,
        off=len(off) if len(both) else None,
        reason=None if billed else "no answer reported its tokens",
        rows=RowsOut(table="calls", first=[int(each) for each in off[:ROWS_MAX]], total=len(off)),
    )


def _metrics(history: History) -> list[BookOut]:
    samples = history.run.samples
    scraped = samples[(samples["process"] == "target") & samples["name"].isin({each.name for each in COUNTERS})]
    if scraped.empty:
        reason = "it has no metrics page that was read, or none of the counters that are known"
        unread = BookOut(source="its metrics", what=USD, said=None, billed=None, ratio=None, off=None, reason=reason)
        return [unread]
    labels = {text: orjson.loads(text) for text in scraped["labels"].unique()}
    found = []
    for counter in COUNTERS:
        fitting = {text for text, each in labels.items() if set(counter.labels) <= set(each.items())}
        theirs = scraped[(scraped["name"] == counter.name) & scraped["labels"].isin(fitting)]
        if len(theirs):
            found.append(_counted(history, counter, theirs))
    return found


def _counted(history: History, counter: Counter, theirs: pd.DataFrame) -> BookOut:
    """A counter's growth beside what was billed between its first and its last reading.

    A series that appears later began at zero; one that falls was set back, and what it had counted is kept.
    """
    first_ns, last_ns = int(theirs["at_ns"].min()), int(theirs["at_ns"].max())
    # One scrape writes its samples within a moment of each other.
    gaps = np.sort(theirs["at_ns"].unique())
    begun_ns = int(gaps[gaps <= first_ns + _SCRAPE_NS].max())
    grown = 0.0
    for _, series in theirs.sort_values("at_ns", kind="stable").groupby("labels", observed=True):
        values = series["value"].to_numpy(dtype=np.float64)
        before = 0.0 if int(series["at_ns"].iloc[0]) > begun_ns else values[0]
        steps = np.diff(values, prepend=before)
        grown += float(np.where(steps >= 0, steps, values).sum())
    invoices = history.run.invoices
    between = (invoices["at_ns"] > first_ns) & (invoices["at_ns"] <= last_ns)
    billed = float(invoices.loc[between, _COLUMNS[counter.what]].sum())
    return BookOut(
        source=counter.name,
        what=counter.what,
        said=grown,
        billed=billed,
        ratio=grown / billed if billed else None,
        off=None,
        reason=None if billed else "nothing was billed between its first reading and its last",
    )
