"""Spending: budgets with alerts and a hard stop, and a ceiling on a failover's cost. A ban mustn't become a bill."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence


class Purse:
    """A budget for a period, which begins anew when the period is over.

    The hard stop is checked before an attempt and the money is counted after it, so attempts that are on their way
    when the limit is passed are finished: a budget may be overdrawn by what is in flight, never by a new call.

    Args:
        name: Whose it is, for alerts.
        limit_usd: What may be spent in a period, in US dollars.
        period_s: Its length, in seconds.
        alerts: Shares of the limit that are told when they are passed, each once a period.
        hard: Whether nothing may be spent beyond the limit.
        clock: Seconds that only go forward.
        alerted: Called with the name and the share that was passed.

    Attributes:
        spent_usd: In this period; read `share` to be sure that it is this period's.
    """

    def __init__(
        self,
        name: str,
        limit_usd: float,
        period_s: float,
        *,
        alerts: Sequence[float] = (),
        hard: bool = True,
        clock: Callable[[], float],
        alerted: Callable[[str, float], None] = lambda _name, _share: None,
    ) -> None:
        self.name, self.limit_usd, self.hard = name, limit_usd, hard
        self._period_s, self._clock, self._alerted = period_s, clock, alerted
        self._thresholds = sorted(alerts)
        self._next = 0
        self._ends_s = clock() + period_s
        self.spent_usd = 0.0

    def pay(self, usd: float) -> None:
        """An attempt cost this much."""
        self._turn()
        self.spent_usd += usd
        while self._next < len(self._thresholds) and self.spent_usd >= self._thresholds[self._next] * self.limit_usd:
            self._next += 1
            self._alerted(self.name, self._thresholds[self._next - 1])

    @property
    def share(self) -> float:
        """What has been spent of this period's limit; 1 is all of it."""
        self._turn()
        return self.spent_usd / self.limit_usd

    @property
    def empty(self) -> bool:
        """Whether no further attempt may be begun."""
        return self.hard and self.share >= 1

    @property
    def wait_s(self) -> float:
        """Seconds until the next period."""
        return max(0.0, self._ends_s - self._clock())

    @property
    def why(self) -> str:
        """What an empty one says."""
        whose = "its budget" if self.name else "the total budget"
        return f"{whose} of {self.limit_usd:g} USD is spent, the next begins in {self.wait_s:.0f} s"

    def _turn(self) -> None:
        now = self._clock()
        if now < self._ends_s:
            return
        periods = (now - self._ends_s) // self._period_s + 1
        self._ends_s += periods * self._period_s
        self.spent_usd = 0.0
        self._next = 0


def empty(purses: Mapping[str, Purse], provider: str) -> Purse | None:
    """The budget, its own or everybody's, for which a provider may not be asked now."""
    if not purses:
        return None
    found = [purse for name in (provider, "") if (purse := purses.get(name)) is not None and purse.empty]
    return max(found, key=lambda purse: purse.wait_s, default=None)


def pay(purses: Mapping[str, Purse], provider: str, usd: float) -> None:
    """A provider's attempt cost this much."""
    for name in (provider, ""):
        purse = purses.get(name)
        if purse is not None:
            purse.pay(usd)


class Ceiling:
    """How much dearer than the preferred provider another may be.

    Args:
        most: Times the price of the call's first provider.
        refuse: Whether a dearer one isn't asked; else it is asked and told of.
    """

    def __init__(self, most: float, *, refuse: bool) -> None:
        self.most, self.refuse = most, refuse

    def exceeded(self, preferred: float | None, other: float | None) -> float | None:
        """How many times dearer it is, if that is too much. What has no price can't be judged and passes."""
        if not preferred or other is None or other <= preferred * self.most:
            return None
        return other / preferred
