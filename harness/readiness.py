"""Is the target ready? It is once each kind of call the scenario will make has come back with its watermark."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from ..scenarios.model import Load
from .launch import Child

CALL_FROM: Final = 900_000_000
"""Call numbers of readiness calls start here, so that no measured call is mistaken for one."""
RETRY_S: Final = 0.2
"""Seconds between two tries."""
ROUND_SPARE_S: Final = 10.0
"""Seconds that one round of readiness calls may take beyond a caller's give_up."""
UNHEARD: Final = "connection_refused"
"""The load generator's word for a call whose connection nobody took."""
PLAIN: Final = {UNHEARD: "nothing listens there", "gave_up": "no answer before the caller gave up"}
"""Some of its words, for people."""
MEANT = {
    "corrupted": "the target rewrites prompts or answers: a marked call came back without its watermark",
    "truncated": "the target rewrites prompts or answers: a marked call came back without its watermark",
    "shortened": "the target shortens answers: a marked call came back cut off",
    "foreign": "the target mixes up calls: a marked call got another call's answer",
}


class Readiness:
    """What came of the readiness calls.

    `marked`: every kind of call came back right. `answered`: waiting longer would change nothing. `heard`: something
    took the last call's connection, whatever it did with it.
    """

    def __init__(self, *, marked: bool, answered: bool, detail: str, heard: bool = True) -> None:
        self.marked = marked
        self.answered = answered
        self.detail = detail
        self.heard = heard

    def as_dict(self) -> dict[str, Any]:
        """For `run.json`."""
        return {"marked": self.marked, "detail": self.detail}


def kinds(load: Load) -> list[dict[str, Any]]:
    """One readiness call for each kind of call that the load will make."""
    shapes = [("text", load.shapes.text), ("json", load.shapes.json_), ("tool", load.shapes.tools)]
    streams = [each for each, wanted in ((False, load.stream < 1), (True, load.stream > 0)) if wanted]
    clients = [("http", load.clients.http), ("openai_sdk", load.clients.openai_sdk)]
    return [
        {"shape": shape, "stream": stream, "client": client}
        for client, client_weight in clients
        for shape, weight in shapes
        for stream in streams
        if weight and client_weight
    ]


async def wait_ready(load: Load, child: Child, seconds: float) -> Readiness:
    """Make readiness calls until all come back right, or answer something that waiting will not change, or time is up.

    Raises:
        ChildFailedError: when the load generator ends meanwhile.
    """
    until = time.monotonic() + seconds
    number = CALL_FROM
    detail = "no answer"
    rewritten = 0
    while True:
        calls = [{"call": number + index, **kind} for index, kind in enumerate(kinds(load))]
        number += len(calls)
        answer = child.expect("probe_result")
        await child.send({"command": "probe", "calls": calls})
        longest_s = load.give_up_s + ROUND_SPARE_S
        results = (await child.wait(answer, "answer the readiness calls", longest_s))["results"]
        bad = [each for each in results if each["outcome"] not in {"ok", "late"}]
        if not bad:
            return Readiness(marked=True, answered=True, detail=f"{len(calls)} kinds of marked calls came back right")
        first = bad[0]
        kind = next(each for each in calls if each["call"] == first["call"])
        said = first.get("evidence") or PLAIN.get(str(first.get("error")), first.get("error")) or ""
        shown = f"{kind['shape']}, {'streamed' if kind['stream'] else 'plain'}: {first['outcome']}"
        status = f", status {first['status']}" if first.get("status") else ""
        detail = f"{shown}{status}: {str(said)[:300]}"
        if first["outcome"] in MEANT:
            rewritten += 1
            if rewritten >= 3:  # a router that is still warming up may answer oddly once
                return Readiness(marked=False, answered=True, detail=f"{MEANT[first['outcome']]} ({detail})")
        if time.monotonic() > until:
            heard = any(each.get("error") != UNHEARD for each in results)
            late = f"not ready after {seconds:.0f} s ({detail})"
            return Readiness(marked=False, answered=False, detail=late, heard=heard)
        await asyncio.sleep(RETRY_S)
