"""The worst calls, attempt by attempt, each with a command that repeats it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from .curl import CHAT, Asked, curl
from .finding import NS
from .history import History, at_places
from .result import AttemptOut, WorstOut

OF_A_KIND_MAX: Final = 3
"""Most calls shown that had the same outcome, the same status and the same attempts."""
WORST_MAX: Final = 12
"""Most calls shown as waterfalls."""
ATTEMPTS_MAX: Final = 20
"""Most attempts shown of one call."""
WORDS_CHARS_MAX: Final = 2000
"""Most characters shown of what a provider or a router said."""
_ORDER: Final = (
    "foreign",
    "corrupted",
    "stitched",
    "truncated",
    "shortened",
    "hung",
    "refused",
    "error",
    "late",
    "unknown",
    "unsent",
)
"""Worst first: what looks like a success and is none, then what a caller at least notices."""
_ROUTE: Final = ("tries", "asked_last", "status_last", "ended_last")


def worst_calls(history: History) -> list[WorstOut]:
    """The worst of the lost calls, spread over the outcomes; without losses the calls that needed most attempts."""
    calls = history.calls
    lost = calls[~calls["good"]]
    if lost.empty:
        counts = history.attempts.groupby("call").size()
        tries = calls["call"].map(counts).fillna(0)
        chosen = calls.assign(tries=tries)[tries > 1].sort_values(["tries", "latency_s"], ascending=False)
    else:
        rank = lost["outcome"].map({name: index for index, name in enumerate(_ORDER)}).fillna(len(_ORDER))
        silent_first = lost.assign(rank=rank, loud=~lost["silent"]).merge(_routes(history), on="call", how="left")
        # A few of each kind say more than many of one.
        nth = silent_first.groupby(["outcome", "status", *_ROUTE], dropna=False, observed=True).cumcount()
        chosen = silent_first[nth < OF_A_KIND_MAX].sort_values(["loud", "rank"], kind="stable")
        nth = chosen.groupby("outcome").cumcount()
        chosen = chosen.assign(nth=nth // OF_A_KIND_MAX).sort_values(["nth", "loud", "rank"], kind="stable")
    return _waterfalls(history, chosen.head(WORST_MAX).to_dict("records"))


def _routes(history: History) -> pd.DataFrame:
    """By call: how many attempts it took, and how the last of them ended."""
    ended = ["provider", "status", "ended_by"]
    theirs = at_places(~history.good, history.attempts["place"].to_numpy())
    made = history.attempts.loc[theirs, ["call", *ended]].groupby("call")
    last = made[ended].last().set_axis(list(_ROUTE[1:]), axis=1)
    return last.assign(tries=made.size()).reset_index()


def _waterfalls(history: History, rows: list[dict[Any, Any]]) -> list[WorstOut]:
    """The calls with their attempts, and what only a waterfall shows of both, read again for these few."""
    attempts = {
        each["call"]: history.attempts[history.attempts["call"] == each["call"]].head(ATTEMPTS_MAX) for each in rows
    }
    calls_said = history.run.shown("calls", [int(each["row"]) for each in rows if not pd.isna(each["row"])])
    numbers = [int(number) for theirs in attempts.values() for number in theirs["row"]]
    attempts_said = history.run.shown("attempts", numbers)
    found = []
    for each in rows:
        said = {} if pd.isna(each["row"]) else calls_said.get(int(each["row"]), {})
        theirs = attempts[each["call"]]
        made = [row | attempts_said.get(int(row["row"]), {}) for row in theirs.to_dict("records")]
        found.append(_waterfall(history, each | said, made, theirs.index))
    return found


def _waterfall(
    history: History, row: dict[Any, Any], attempts: list[dict[Any, Any]], places: pd.Index[int]
) -> WorstOut:
    due_ns = int(row["scheduled_ns"])
    invoices = history.run.invoices[np.isin(history.attempt_of_invoice, places)]
    usd = invoices.drop_duplicates("attempt").set_index("attempt")["usd"]
    return WorstOut(
        call=int(row["call"]),
        caller=int(row["caller"]),
        shape=str(row["shape"]),
        stream=bool(row["stream"]),
        client=str(row["client"]),
        outcome=str(row["outcome"]),
        silent=bool(row["silent"]),
        status=_int(row["status"]),
        error=_text(row.get("error")),
        due_s=(due_ns - history.t0_ns) / NS,
        sent_s=_after(row["sent_ns"], due_ns),
        first_token_s=_after(row.get("first_token_ns"), due_ns),
        ended_s=_after(row["ended_ns"], due_ns),
        words=_text(row.get("evidence")),
        curl=curl_line(history, row),
        attempts=[_attempt(each, due_ns, usd) for each in attempts],
    )


def _attempt(row: dict[Any, Any], due_ns: int, usd: pd.Series[float]) -> AttemptOut:
    attempt = str(row["attempt"])
    return AttemptOut(
        attempt=attempt,
        provider=str(row["provider"]),
        model=_text(row["model"]),
        credential=_text(row["credential"]),
        from_s=(int(row["received_ns"]) - due_ns) / NS,
        first_byte_s=_after(row.get("first_byte_ns"), due_ns),
        until_s=(int(row["ended_ns"]) - due_ns) / NS,
        status=_int(row["status"]),
        fault=_text(row["fault"]),
        ended_by=str(row["ended_by"]),
        delivered_tokens=int(row["delivered_tokens"]),
        usd=float(usd[attempt]) if attempt in usd.index else None,
        words=_text(row.get("evidence")),
    )


def curl_line(history: History, row: dict[Any, Any]) -> str:
    """A command that asks the router the same question again."""
    manifest = history.run.manifest
    asked = Asked(
        run=manifest.run,
        call=int(row["call"]),
        shape=str(row["shape"]),
        words=int(row["tokens"]),
        stream=bool(row["stream"]),
        front=manifest.target.front or CHAT,
    )
    return curl(asked, manifest.target.url, manifest.target.model)


def _after(at_ns: Any, due_ns: int) -> float | None:
    return None if at_ns is None or pd.isna(at_ns) else (int(at_ns) - due_ns) / NS


def _int(value: Any) -> int | None:
    return None if value is None or pd.isna(value) else int(value)


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)[:WORDS_CHARS_MAX]
