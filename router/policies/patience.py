"""Patience: how long to wait for a plain answer, which says nothing until it is complete.

A stream that hangs shows it by its first token. A plain answer doesn't, and its time depends on its length: a limit
short enough to notice a hang within a caller's deadline would cut honest long answers. So the limit follows what the
provider usually needs (four times its slowest recent answer), never less than the first-token limit, and it is used
only while there is another provider to turn to: a wrong guess costs a second attempt, never the answer.
"""

from __future__ import annotations

USUAL_FACTOR = 4.0
SAMPLES_MIN = 10
FORGET_PER_SAMPLE = 0.995
STRETCH_PER_FAILED_PROBE = 1.5


class Patience:
    """The waiting limit of one provider.

    Args:
        least_s: Never less than this, in seconds.
        most_s: Never more than this, in seconds; also the limit until enough answers have been seen.
    """

    def __init__(self, least_s: float, most_s: float) -> None:
        self._least_s, self._most_s = min(least_s, most_s), most_s
        self._slowest_s = 0.0
        self._samples = 0
        self._stretch = 1.0

    def limit_s(self, *, alternative: bool) -> float:
        """Seconds to wait for a plain answer; `alternative` says whether another provider could still be asked."""
        if not alternative or self._samples < SAMPLES_MIN:
            return self._most_s
        return min(self._most_s, max(self._least_s, self._slowest_s * USUAL_FACTOR) * self._stretch)

    def answered(self, seconds: float) -> None:
        """A plain answer took this long."""
        self._samples += 1
        self._stretch = 1.0
        self._slowest_s = max(seconds, self._slowest_s * FORGET_PER_SAMPLE)

    def probe_timed_out(self) -> None:
        """A probe was cut: wait longer the next time, or a provider that became slow would never be found well."""
        self._stretch = min(self._stretch * STRETCH_PER_FAILED_PROBE, 1000.0)
