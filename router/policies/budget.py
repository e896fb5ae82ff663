"""Retry budget: retries are a share of the calls at most, or they become the storm they were meant to survive."""

from __future__ import annotations


class RetryBudget:
    """A bucket: each call puts `share` of a token in, each retry takes one out.

    Only a second attempt at a provider that this call has asked before draws on it. Moving on to another provider is
    free: it happens at most once a provider and call, and it is what keeps the answer.

    Args:
        share: Tokens a call puts in, 0 to 1.
        reserve: Tokens at the start, and the most that can be saved up.
    """

    def __init__(self, share: float, reserve: int) -> None:
        self._share, self._most = share, max(float(reserve), share)
        self._tokens = float(reserve)

    def earn(self) -> None:
        """A call arrived."""
        self._tokens = min(self._most, self._tokens + self._share)

    def spend(self) -> bool:
        """Take one retry out; False if there is none left."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
