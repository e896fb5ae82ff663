"""What was billed for nothing good, by why: each wasted invoice has exactly one reason."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.extensions import take

from .history import GONE, History, at_places
from .result_money import WasteOut
from .result_value import RowsOut
from .tables import SILENT

ROWS_MAX: Final = 50
"""Most invoices named under a reason; their number is always given."""
MEANINGS: Final = {
    "failed": "broken off, or of a call that came to nothing",
    "truncated": "the caller got it, but it was not whole or not right",
    "late": "the right answer, after the deadline",
    "abandoned": "produced for nobody: the caller or the router had hung up",
    "hedged": "a second attempt beside the one that answered",
    "retried": "a whole answer that the router threw away, and asked again",
    "background": "traffic of the router's own, for no call",
}
"""Every reason, in the order in which they are told."""


def reasons(history: History) -> pd.Series[str]:
    """Why each wasted invoice of `history.billed` was wasted, by its index.

    What gave the caller its words is judged by the call's outcome; of the other attempts, one that was under way
    together with the answering one is a hedge, one that the router hung up on was abandoned, one that ran to its end
    before a good answer was retried, and the rest failed.
    """
    billed = history.billed.loc[~history.billed["useful"], ["row", "place", "answering"]]
    at = billed["row"].to_numpy()
    call, ended_by = (take(history.attempts[each].array, at, allow_fill=True) for each in ("call", "ended_by"))
    place = billed["place"].to_numpy(dtype=np.int64)
    outcome = np.append(history.calls["outcome"].to_numpy(dtype=object), [None, None])[place]
    answering = billed["answering"].to_numpy(dtype=bool)
    hung_up = np.asarray(ended_by == "router", dtype=bool)
    wrong = np.isin(outcome.astype(str), [*SILENT, "stitched"])
    rescued = at_places(history.good | (history.calls["outcome"] == "late").to_numpy(), place)
    why = np.select(
        [
            np.asarray(pd.isna(call), dtype=bool),
            place == GONE,
            answering & (outcome == "late"),
            answering & wrong,
            ~answering & _beside_answer(history, billed),
            hung_up & ((outcome == "hung") | ~answering),
            ~answering & rescued & np.asarray(ended_by == "complete", dtype=bool),
        ],
        ["background", "abandoned", "late", "truncated", "hedged", "abandoned", "retried"],
        default="failed",
    )
    return pd.Series(why, index=billed.index, dtype=object)


def _beside_answer(history: History, billed: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which invoices' attempts were under way together with the attempt that answered their call."""
    answers = history.attempts.loc[history.answering, ["place", "received_ns", "ended_ns"]]
    answers = answers.drop_duplicates("place", keep="last")
    size = len(history.calls)
    # Without an answering attempt nothing lies beside it: from the end of time to its beginning.
    from_ns, until_ns = np.full(size + 2, np.iinfo(np.int64).max), np.full(size + 2, np.iinfo(np.int64).min)
    from_ns[answers["place"]] = answers["received_ns"]
    until_ns[answers["place"]] = answers["ended_ns"]
    place = billed["place"].to_numpy(dtype=np.int64)
    at = billed["row"].to_numpy()
    # What has no attempt has no time, and lies beside nothing.
    times = (history.attempts[each].to_numpy() for each in ("received_ns", "ended_ns"))
    began, ended = (take(each, at, allow_fill=True).astype(np.float64) for each in times)
    beside: npt.NDArray[np.bool_] = (began < until_ns[place]) & (ended > from_ns[place])
    return beside


def waste_out(history: History) -> list[WasteOut]:
    """What each reason cost; those that cost nothing are left out."""
    why = reasons(history)
    billed = history.billed.loc[why.index]
    total = float(history.billed["usd"].sum())
    found = []
    for name, meaning in MEANINGS.items():
        theirs = billed[(why == name) & (billed["usd"] > 0)]
        if theirs.empty:
            continue
        usd = float(theirs["usd"].sum())
        found.append(
            WasteOut(
                why=name,
                meaning=meaning,
                invoices=len(theirs),
                usd=usd,
                share=usd / total,
                rows=RowsOut(table="invoices", first=[*history.named(theirs).first], total=len(theirs)),
            )
        )
    return found
