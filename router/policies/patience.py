"""Patience: how long to wait for a plain answer, which says nothing until it is complete, and for a stream's beginning.

A stream that hangs shows it by its first token. A plain answer doesn't, and its time depends on its length: a limit
short enough to notice a hang within a caller's deadline would cut honest long answers. So the limit follows what the
provider usually needs (four times its slowest recent answer), never less than the first-token limit, and it is used
only while there is another provider to turn to: a wrong guess costs a second attempt, never the answer. The limit for
a first token is no other: where nobody else is left, a model that thinks without a word is waited for.

What is usual is known from before: a provider that becomes slower answers slowly at first, and a limit that followed
such answers at once would rise with the trouble that it is there to notice. So once enough answers are known, a slower
one counts only when it has stood for `RIPE_S`; by then it was either trouble that is over, or it is usual.
"""

from __future__ import annotations

from collections.abc import Callable

USUAL_FACTOR = 4.0
OVERDUE_FACTOR = 2.0
"""Of its usual time, after which an answer that a caller's deadline cut says something about the provider."""
SAMPLES_MIN = 10
SAMPLES_KNOWN = 30
"""Answers after which it is known what is usual; until then each of them counts at once."""
RIPE_S = 10.0
"""After how long a slower answer counts, in seconds; it may be twice that."""
FORGET_PER_SAMPLE = 0.995
STRETCH_PER_FAILED_PROBE = 1.5


class Patience:
    """The waiting limit of one provider.

    Args:
        least_s: Never less than this, in seconds.
        most_s: Never more than this, in seconds; also the limit until enough answers have been seen.
        clock: Seconds that only go forward.
    """

    def __init__(self, least_s: float, most_s: float, clock: Callable[[], float]) -> None:
        self._least_s, self._most_s, self._clock = min(least_s, most_s), most_s, clock
        self._slowest_s = self._ripening_s = self._fresh_s = 0.0
        self._turn_s: float | None = None
        self._samples = 0
        self._stretch = self._stream_stretch = 1.0

    def limit_s(self, *, alternative: bool, stream: bool = False) -> float:
        """Seconds to wait for a plain answer, or a stream's first token.

        Args:
            alternative: Whether another provider could still be asked.
            stream: Which of the two.
        """
        if not alternative:
            return self._most_s
        if stream:
            return self._least_s
        if self._samples < SAMPLES_MIN:
            return self._most_s
        return min(self._most_s, self._usual_s * self._stretch)

    def probe_limit_s(self, *, stream: bool) -> float:
        """The same for a probe: while it is on its way nobody else may ask, so it is cut, but later each time."""
        if not stream:
            return self.limit_s(alternative=True)
        return min(self._most_s, self._least_s * self._stream_stretch)

    def overdue_s(self, usual_s: float) -> float:
        """Seconds after which an answer that a caller's deadline cut is later than it should be.

        Twice what is usual, and longer than any lately: callers who always wait for less than `limit_s` find a hang by
        it. Before enough is known it is the least limit.

        Args:
            usual_s: The mean of good attempts.
        """
        if not self._samples:
            return self._least_s
        factor = OVERDUE_FACTOR if self._samples >= SAMPLES_MIN else USUAL_FACTOR
        return min(self._most_s, max(self._slowest_s, usual_s * factor))

    @property
    def _usual_s(self) -> float:
        return max(self._least_s, self._slowest_s * USUAL_FACTOR)

    def answered(self, seconds: float) -> None:
        """A plain answer took this long."""
        self._ripen()
        self._samples += 1
        self._slowest_s *= FORGET_PER_SAMPLE
        if self._samples <= SAMPLES_KNOWN or seconds <= self._slowest_s:
            self._slowest_s = max(seconds, self._slowest_s)
        else:
            self._fresh_s = max(seconds, self._fresh_s)
        # A probe found it well, but slow: what it needs now is waited for, until that counts.
        self._stretch = max(1.0, min(self._stretch, seconds * STRETCH_PER_FAILED_PROBE / max(self._usual_s, 1e-9)))

    def probe_timed_out(self, *, stream: bool = False) -> None:
        """A probe was cut: wait longer the next time, or a provider that became slow would never be found well."""
        if stream:
            self._stream_stretch = min(self._stream_stretch * STRETCH_PER_FAILED_PROBE, 1000.0)
            return
        self._stretch = min(self._stretch * STRETCH_PER_FAILED_PROBE, 1000.0)

    def began(self, seconds: float) -> None:
        """A stream's first token took this long."""
        if seconds < self._least_s:
            self._stream_stretch = 1.0

    def _ripen(self) -> None:
        now = self._clock()
        if self._turn_s is not None and now < self._turn_s:
            return
        self._slowest_s = max(self._slowest_s, self._ripening_s)
        self._ripening_s, self._fresh_s = self._fresh_s, 0.0
        self._turn_s = now + RIPE_S
