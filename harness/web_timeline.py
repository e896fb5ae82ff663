"""A run in equal steps while it goes on: what the live page draws, aggregated before anything is sent.

Calls stand where they ended, not where they were due as in the report: of a call that is under way nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

STEP_S: Final = 0.5
"""Shortest step, in seconds: the counters come as often."""
STEPS_MAX: Final = 600
"""Most steps; a longer run gets longer ones."""
BY_NAME: Final = ("outcomes", "served", "attempts", "failed")
"""What is counted by a name: an outcome, or a provider."""


class LiveTimeline:
    """Counters that only grow, as their increase in each step."""

    def __init__(self, length_s: float, providers: list[str]) -> None:
        self.step_s = STEP_S
        while length_s / self.step_s > STEPS_MAX:
            self.step_s *= 2
        self.steps = max(1, math.ceil(length_s / self.step_s - 1e-9))
        self._lists: dict[str, dict[str, list[int]]] = {
            kind: {} if kind == "outcomes" else {name: [0] * self.steps for name in providers} for kind in BY_NAME
        }
        self._p50_s: list[float | None] = [None] * self.steps
        self._p95_s: list[float | None] = [None] * self.steps
        self._before: dict[tuple[str, str], int] = {}
        self._touched: set[int] = set()

    def take(self, at_s: float, load: Mapping[str, Any], providers: Mapping[str, Mapping[str, Any]]) -> None:
        """Take in the counters as they are `at_s` seconds after time 0."""
        counts: dict[str, Mapping[str, int]] = {
            "outcomes": load.get("outcomes", {}),
            "served": load.get("served", {}),
            "attempts": {name: int(each.get("attempts", 0)) for name, each in providers.items()},
            "failed": {name: int(each.get("errors", 0)) for name, each in providers.items()},
        }
        step = min(self.steps - 1, int(at_s / self.step_s)) if at_s >= 0 else None
        for kind, each in counts.items():
            for name, count in each.items():
                more = count - self._before.get((kind, name), 0)
                self._before[kind, name] = count
                if more > 0 and step is not None:
                    self._lists[kind].setdefault(name, [0] * self.steps)[step] += more
        if step is not None:
            self._p50_s[step], self._p95_s[step] = _seconds(load.get("p50_ms")), _seconds(load.get("p95_ms"))
            self._touched.add(step)

    def whole(self) -> dict[str, Any]:
        """All steps, in the shape of the report's timeline."""
        times = {"p50_s": self._p50_s, "p95_s": self._p95_s}
        return {"step_s": self.step_s, "steps": self.steps, **self._lists, **times}

    def changed(self) -> list[dict[str, Any]]:
        """The steps that changed since the last time, each with its values."""
        found = [
            {
                "step": step,
                **{kind: {name: values[step] for name, values in self._lists[kind].items()} for kind in BY_NAME},
                "p50_s": self._p50_s[step],
                "p95_s": self._p95_s[step],
            }
            for step in sorted(self._touched)
        ]
        self._touched.clear()
        return found


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 6)
