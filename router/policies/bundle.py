"""What the rounds of a call go by, all policies together."""

from __future__ import annotations

from dataclasses import dataclass

from .budget import RetryBudget
from .hedge import Hedge
from .retry import Backoff
from .spending import Ceiling
from .waiting import WaitingRoom


@dataclass(slots=True)
class Policies:
    """What the rounds go by.

    Attributes:
        attempts_max: Attempts of a call that may end in an accident.
        budget: Retries as a share of calls.
        backoff: Waits between retries.
        head_start_s: How long a probe holds its caller.
        room: Where calls wait when everybody is out.
        wait_max_s: How long they do, in seconds; 0 for not at all.
        ceiling: What a failover may cost; None for any price.
        hedge: When a second provider is asked as well; None for never.
        buffered: Whether streams are held back to their end, so that any failure can be hidden.
        continuing: Whether somebody else goes on with a stream that breaks off.
        probe_max_s: Longest that a probe's whole stream may take, in seconds.
    """

    attempts_max: int
    budget: RetryBudget
    backoff: Backoff
    head_start_s: float
    room: WaitingRoom
    wait_max_s: float = 0.0
    ceiling: Ceiling | None = None
    hedge: Hedge | None = None
    buffered: bool = False
    continuing: bool = False
    probe_max_s: float = 120.0
