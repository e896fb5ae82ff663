"""Seeded choices that don't depend on interleaving.

A random choice is a hash of (seed, component, entity, attempt number), never the next draw of a shared generator: the
same call gets the same decision however the run's traffic interleaves.
"""

from __future__ import annotations

import hashlib


def chance(seed: int, *parts: str | int) -> float:
    """A number in [0, 1) that depends on `seed` and `parts` alone."""
    text = "\x1f".join([str(seed), *map(str, parts)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
