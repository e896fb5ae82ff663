"""Pace: how long a lane's attempts took lately, and how much they produced; what hedging and least latency go by."""

from __future__ import annotations

from collections import deque

SAMPLES_MAX = 128
REFRESH_EVERY = 16
"""Samples between two looks at the quantile: sorting for each answer would cost more than it tells."""
SMOOTHING = 0.1
STREAMS_MIN = 10
"""Whole streams that have to be seen before a silence can be called odd."""
FORGET_PER_STREAM = 0.99
ODD_FACTOR = 4.0
PIECES_MIN = 8
"""Streams of fewer pieces say nothing about how fast they come."""
SLOW_FACTOR = 10.0
"""How much slower than usual isn't usual: a model's speed varies with its load and its prompts by a few times."""
ODD_S_MIN = 0.5
"""Less than this is never odd: networks and models pause."""


class Pace:
    """What is usual on a lane.

    Args:
        quantile: Of the times that a hedge waits for, 0 to 1.

    Attributes:
        usual_s: A moving mean of good attempts, in seconds; 0 before the first.
        usual_output: A moving mean of output tokens: the estimate for an answer whose count never came.
    """

    __slots__ = (
        "_late_s", "_pause_s", "_per_s", "_quantile", "_samples", "_seen", "_streams", "usual_output", "usual_s",
    )  # fmt: skip

    def __init__(self, quantile: float = 0.95) -> None:
        self._quantile = quantile
        self._samples: deque[float] = deque(maxlen=SAMPLES_MAX)
        self._seen = 0
        self._late_s: float | None = None
        self._streams = 0
        self._pause_s = self._per_s = 0.0
        self.usual_s = 0.0
        self.usual_output = 0.0

    def took(self, seconds: float, output_tokens: int) -> None:
        """A good attempt took this long (a stream: to its first token)."""
        first = self._seen == 0
        self._seen += 1
        self.usual_s += (seconds - self.usual_s) * (1.0 if first else SMOOTHING)
        if output_tokens:
            self.usual_output += (output_tokens - self.usual_output) * (1.0 if not self.usual_output else SMOOTHING)
        self._samples.append(seconds)
        if self._seen % REFRESH_EVERY == 0:
            ordered = sorted(self._samples)
            self._late_s = ordered[min(len(ordered) - 1, int(self._quantile * len(ordered)))]

    @property
    def late_s(self) -> float | None:
        """After how long an attempt is later than usual, in seconds; None until enough have been seen."""
        return self._late_s

    def flowed(self, longest_s: float, pieces: int, waited_s: float) -> None:
        """A whole stream has been read.

        Args:
            longest_s: Its longest pause between two pieces.
            pieces: Pieces that were waited for.
            waited_s: How long they were, together.
        """
        self._streams += 1
        self._pause_s = max(longest_s, self._pause_s * FORGET_PER_STREAM)
        if pieces >= PIECES_MIN and waited_s > 0:
            rate = pieces / waited_s
            self._per_s += (rate - self._per_s) * (SMOOTHING if self._per_s else 1.0)

    @property
    def slow_per_s(self) -> float:
        """Pieces a second that are so few that they aren't usual here; 0 until enough have been seen."""
        return self._per_s / SLOW_FACTOR if self._streams >= STREAMS_MIN else 0.0

    @property
    def odd_s(self) -> float | None:
        """A silence within a stream that isn't usual here, in seconds; None until enough have been seen."""
        return max(ODD_S_MIN, self._pause_s * ODD_FACTOR) if self._streams >= STREAMS_MIN else None
