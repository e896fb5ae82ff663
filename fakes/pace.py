"""How fast a fake answers: time to first token and tokens per second, with a seeded deviation per request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """When each token of one answer is produced, in seconds after the request arrived."""

    first_s: float
    gap_s: float

    def due(self, token: int) -> float:
        """When token number `token` (from 1) is produced; an answer without tokens is ready with its first."""
        return self.first_s + self.gap_s * max(0, token - 1)

    def produced(self, elapsed_s: float, total: int) -> int:
        """How many of `total` tokens are produced `elapsed_s` seconds after the request arrived."""
        if elapsed_s < self.first_s:
            return 0
        if self.gap_s <= 0:
            return total
        return min(total, 1 + int((elapsed_s - self.first_s) / self.gap_s))


@dataclass(frozen=True, slots=True)
class Pace:
    """A provider's speed. `jitter` (0 to 1) is the largest deviation of both figures, up or down.

    Attributes:
        ttft_s: Time to first token, in seconds.
        tokens_per_second: Tokens per second after the first.
        jitter: Share by which a request's own figures may differ.
    """

    ttft_s: float = 0.0
    tokens_per_second: float = 1e9
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.ttft_s < 0 or self.tokens_per_second <= 0 or not 0 <= self.jitter <= 1:
            raise ValueError(f"a pace needs ttft_s >= 0, tokens_per_second > 0 and 0 <= jitter <= 1, got {self!r}")

    def plan(self, seed: int, entity: str, *, model: str = "", in_flight: int = 1) -> TokenTimes:  # noqa: ARG002
        """The times of one answer; they depend on `seed` and `entity` (the call, say) alone."""
        if not self.jitter:
            return TokenTimes(self.ttft_s, 1 / self.tokens_per_second)
        digest = hashlib.blake2b(f"{seed}\x1fpace\x1f{entity}".encode(), digest_size=16).digest()
        first = _deviation(digest[:8], self.jitter)
        rest = _deviation(digest[8:], self.jitter)
        return TokenTimes(self.ttft_s * first, rest / self.tokens_per_second)


def _deviation(digest: bytes, jitter: float) -> float:
    return 1 + jitter * (2 * int.from_bytes(digest, "big") / 2**64 - 1)
