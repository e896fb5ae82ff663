"""How many calls may be in flight, and the file descriptors for them. Pure but for the process's own limit."""

from __future__ import annotations

import math
import resource
from typing import Final

IN_FLIGHT_MAX: Final = 20_000
"""Most calls in flight, whatever rate and give-up ask for."""
DESCRIPTORS_SPARE: Final = 64
"""File descriptors left for everything that is no connection to the router."""


def in_flight_bound(rate: float, give_up_s: float) -> int:
    """How many calls can be in flight at once when nobody answers: rate × give_up, and what chance adds to it."""
    mean = rate * give_up_s
    return min(IN_FLIGHT_MAX, math.ceil(mean + 6 * math.sqrt(mean)) + 64)


def raise_descriptors(wanted: int) -> int:
    """Allow `wanted` connections if the system lets us; returns how many it lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = wanted + DESCRIPTORS_SPARE
    if soft != resource.RLIM_INFINITY and soft < need:
        soft = need if hard == resource.RLIM_INFINITY else min(need, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - DESCRIPTORS_SPARE)
