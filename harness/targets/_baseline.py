"""What every target is configured to, so that none is judged by a lenience that another was not given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...scenarios.model import Scenario

TIMEOUT_SHARE: Final = 0.6
"""Part of a call's deadline that one attempt may take: what is left is enough for another provider to answer."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One attempt at each provider in the scenario's order, each within the same time.

    Attributes:
        timeout_s: Time limit of one attempt, in seconds: for a whole answer, and for a stream's first piece where the
            target tells the two apart.
        retries: Further attempts at the same provider before the next one is asked.
    """

    timeout_s: float = 3.0
    retries: int = 0

    @property
    def timeout_ms(self) -> int:
        """The time limit in milliseconds."""
        return round(self.timeout_s * 1000)


def baseline(scenario: Scenario) -> Baseline:
    """The baseline of a scenario: its attempts may take `TIMEOUT_SHARE` of its deadline."""
    return Baseline(timeout_s=round(scenario.load.deadline * TIMEOUT_SHARE, 1) or 0.1)
