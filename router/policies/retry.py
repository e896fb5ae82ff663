"""Retry: when asking the same provider again makes sense, and how long to wait before."""

from __future__ import annotations

from ..errors import Failure, Meaning


class Backoff:
    """Exponential waits with full jitter's lower half cut off, so that a retry is never immediate.

    Args:
        first_s: Wait before the first retry, in seconds.
        max_s: Longest wait, in seconds. A provider that asks for more isn't waited for.
    """

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s, self._max_s = first_s, max_s

    def wait_s(self, failure: Failure, retry: int, chance: float) -> float | None:
        """Seconds to wait before retry number `retry` (from 0), or None if there should be none.

        Args:
            failure: Why the last attempt there failed.
            retry: Retries already made at this provider.
            chance: A number in [0, 1).
        """
        if failure.meaning not in {Meaning.TRANSIENT, Meaning.LIMITED, Meaning.DRIFTED}:
            return None
        if failure.retry_after_s:
            return failure.retry_after_s if failure.retry_after_s <= self._max_s else None
        if failure.meaning is Meaning.LIMITED:
            return None
        return min(self._max_s, self._first_s * 2.0 ** min(retry, 30)) * (0.5 + 0.5 * chance)
