"""Freed memory that goes back to the system at once, not when an allocator sees fit.

Findings are made one after the other, each with arrays as long as the ledger that it lets go of at its end. Allocators
keep them for the next one, which asks for other sizes, so that a report would take far more than it ever uses at once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import pyarrow as pa


def give_back() -> None:
    """Let go of what the allocators keep: arrow's, and the C library's where it has a way."""
    pa.default_memory_pool().release_unused()
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    """`malloc_trim` of glibc, which says so of itself; other C libraries have none."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    return found
