"""One fake provider whose state the timeline changes: its accounts and its prices, and what each entry does to them.

An answer in which an entry shows, though it refuses nothing (a changed price, an account that is let in again), names
it in the same header as a refusal does: whoever counts bites in front learns it from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...fakes.account import OK, Accounts
from ...fakes.app import ATTEMPT_HEADER, ENTRY_HEADER
from ..faults.plan import JOINT
from . import find
from .base import Effect, Place, Standing, Used
from .staged_grants import StagedGrants

if TYPE_CHECKING:
    from ...fakes.app import Priced
    from ...fakes.dialects.base import Ask, Dialect, Headers
    from ...fakes.quota import Refusal
    from ...scenarios.entry import Entry
    from ...scenarios.model import Scenario


@dataclass(frozen=True, slots=True)
class _Request:
    """What is known of the request that the current task serves: whether an injector counts it, and who let it in."""

    counted: bool = False
    let_in: tuple[str, ...] = ()
    refused: bool = False


_REQUEST: ContextVar[_Request] = ContextVar("request", default=_Request())  # noqa: B039 - it is frozen


@dataclass(slots=True)
class Effects:
    """What the entries do at one provider."""

    clock: Callable[[], float]
    all: list[Effect] = field(default_factory=list)

    def open(self) -> Iterator[Effect]:
        """Those whose window is open now."""
        now_s = self.clock()
        return (each for each in self.all if each.place.from_s <= now_s < each.place.until_s)


class StagedAccounts(Accounts):
    """Accounts that also meet what the entries of a timeline do.

    Args:
        failures: The failure kinds that the vendor has.
        effects: What the entries do here.
        seed: Seed of who is reached first.
        vendor: The vendor's name, for what it does in its own way.
    """

    def __init__(self, failures: frozenset[str], effects: Effects, *, seed: int, vendor: str) -> None:
        super().__init__(failures, seed=seed, clock=effects.clock, vendor=vendor)
        self._effects = effects
        self._reinstates = False
        # how everyone would stand if nobody had been reinstated
        self._without = Accounts(failures, seed=seed, clock=effects.clock, vendor=vendor)

    def change(self, state: str, **more: Any) -> None:
        """As `Accounts.change`."""
        super().change(state, **more)
        self._reinstates = self._reinstates or state == OK
        # one that reaches nobody keeps the numbers of both the same, and with them which node is told first
        self._without.change(state, **(more | {"share": 0.0} if state == OK else more))

    def refusal(
        self, credential: str, *, scope: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Refusal | None:
        """As `Accounts.refusal`; notes who let the request in."""
        refused = super().refusal(credential, scope=scope, headers=headers)
        let_in: tuple[str, ...] = ()
        if refused is None and self._reinstates:
            able = [each.place.id for each in self._effects.open() if each.lets_in(credential)]
            if able and self._without.refusal(credential, scope=scope, headers=headers) is not None:
                let_in = (able[-1],)
        _REQUEST.set(_Request(ATTEMPT_HEADER in (headers or {}), let_in))
        return refused

    def admit(self, credential: str, ask: Ask) -> Refusal | None:
        """Ask the entries, in the timeline's order, then the quota."""
        refused = next(
            (refusal for each in self._effects.open() if (refusal := each.refuse(credential, ask)) is not None), None
        )
        refused = super().admit(credential, ask) if refused is None else refused
        if refused is not None:
            _REQUEST.set(_Request(refused=True))
        return refused

    def settle(self, credential: str, ask: Ask, produced_tokens: int, usd: float) -> None:
        """Tell the entries too."""
        super().settle(credential, ask, produced_tokens, usd)
        for each in self._effects.open():
            each.settle(credential, ask, produced_tokens, usd)

    def headers(self, credential: str, ask: Ask, headers: Headers) -> Headers:
        """The headers with what the entries make of them, and with those that an answer shows."""
        headers = super().headers(credential, ask, headers)
        request = _REQUEST.get()
        shown = list(request.let_in)
        for each in self._effects.open():
            headers = each.headers(credential, ask, headers)
            if request.counted and not request.refused and each.shows(ask):
                shown.append(each.place.id)
        if not request.counted or request.refused or not shown:
            return headers
        return [*headers, (ENTRY_HEADER, JOINT.join(shown))]


class StagedPrices:
    """Prices that the entries of a timeline change.

    Args:
        prices: List prices.
        effects: What the entries do here.
    """

    def __init__(self, prices: Priced, effects: Effects) -> None:
        self._prices = prices
        self._effects = effects

    def bill(
        self, model: str, input_tokens: int, cached_tokens: int, output_tokens: int, **more: int
    ) -> tuple[float, bool]:
        """US dollars for a request that is over now, and whether its model has a price. `more` goes to the list."""
        listed = self._prices.bill(model, input_tokens, cached_tokens, output_tokens, **more)
        used = Used(model, input_tokens, cached_tokens, output_tokens)
        for each in self._effects.open():
            if (changed := each.price(used, listed)) is not None:
                return changed
        return listed


class Staged:
    """A provider with the standings that a scenario has for it.

    Args:
        scenario: Whose timeline it is.
        provider: The provider.
        dialect: Its wire dialect.
        seed: The run's seed.
        prices: List prices.
        clock: Seconds that never go back: `time.monotonic`, or a test's.
    """

    def __init__(
        self,
        scenario: Scenario,
        provider: str,
        dialect: Dialect,
        *,
        seed: int,
        prices: Priced,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scenario = scenario
        self._provider = provider
        self._failures = dialect.failures
        # providers may share a key by chance: who is reached at one says nothing about another
        self._seed = seed ^ int.from_bytes(provider.encode(), "big")
        self._effects = Effects(clock)
        self.accounts = StagedAccounts(dialect.failures, self._effects, seed=self._seed, vendor=dialect.name)
        self.prices = StagedPrices(prices, self._effects)
        told = scenario.providers.get(provider)  # a test may have providers besides those of what it plays
        self.grants: StagedGrants | None = None
        if told is not None and told.login is not None:
            self.grants = StagedGrants(self.accounts, dialect.name, seed=self._seed, access_s=told.login.expires)

    def begin(self, t0_s: float) -> None:
        """Let the timeline count from this moment of the clock; nothing is changed before it."""
        for index, entry, standing in standings_on(self._scenario, self._provider):
            place = Place(
                id=entry.id_at(index),
                entry=entry,
                model=self._scenario.providers[self._provider].model,
                from_s=t0_s + entry.at + standing.late_s(entry, self._provider),
                until_s=t0_s + self._scenario.until_s(entry),
                accounts=self.accounts,
                failures=self._failures,
                clock=self._effects.clock,
                seed=self._seed,
                grants=self.grants,
            )
            self._effects.all.append(standing.begin(place))


def standings_on(scenario: Scenario, provider: str) -> Iterator[tuple[int, Entry, Standing]]:
    """The timeline's standings on a provider: each entry's place, the entry, and its standing with its parameters."""
    for index, entry in enumerate(scenario.timeline):
        if entry.standing is not None and provider in entry.on:
            yield index, entry, find(entry.standing).model_validate(entry.with_)
