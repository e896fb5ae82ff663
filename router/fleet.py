"""The fleet: every provider with each of its credentials, in the order of preference; it may change while calls run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from .errors import RouterError
from .lane import Lane
from .messages import LLMRequest
from .policies.gate import Gate
from .provider import LLMProvider

MODELS_MAX = 64
"""Models of one member that are told apart; further ones share a lane. Models come from the configuration, but a
provider of the user's own may name any."""

LEAVING_POLL_S = 0.05
"""How often it is looked whether the calls are over that may ask a provider that leaves, in seconds."""


class UnknownProvider(RouterError):  # noqa: N818 - named for what is wrong
    """There is no provider of that name."""


@dataclass(slots=True, eq=False)
class Member:
    """A provider with one credential, and its lanes by model."""

    provider: LLMProvider
    make: Callable[[LLMProvider, str], Lane]
    lanes: dict[str, Lane] = field(default_factory=dict)
    draining: bool = False

    def lane(self, model: str) -> Lane:
        """The lane of a model."""
        found = self.lanes.get(model)
        if found is None:
            if len(self.lanes) >= MODELS_MAX:
                return next(iter(self.lanes.values()))
            found = self.lanes[model] = self.make(self.provider, model)
            found.draining = self.draining
        return found

    def drain(self, *, draining: bool) -> None:
        """Let no new calls in, or do so again; calls that began before may still come."""
        self.draining = draining
        for lane in self.lanes.values():
            lane.draining = draining

    @property
    def in_flight(self) -> int:
        """Attempts on all its lanes."""
        return sum(lane.in_flight for lane in self.lanes.values())


@dataclass(slots=True, eq=False)
class Era:
    """The time between two changes of the fleet.

    Attributes:
        calls: Those that began in it and aren't over.
    """

    calls: int = 0


class Fleet:
    """Members in the order of preference.

    Args:
        providers: In that order; providers of one name are one pool of credentials.
        make: Makes the lane of a provider and a model behind its pool's gate.
        freed: Called when a full provider has room again.
        changed: Called when providers came, went, or take calls again.

    Attributes:
        era: In which calls begin now. Those of earlier ones may still ask who has left or is drained since.
        draining: Whether anybody gets no new calls.
    """

    def __init__(
        self,
        providers: Iterable[LLMProvider],
        make: Callable[[LLMProvider, str, Gate], Lane],
        freed: Callable[[], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._make, self._freed, self._told = make, freed, changed
        self.era, self._earlier = Era(), list[Era]()
        self.draining = False
        self._gates: dict[str, Gate] = {}
        self._turns: dict[str, int] = {}
        self._mixed = self._pooled = False
        self.members: list[Member] = []
        self.leaving: list[Member] = []
        for provider in providers:
            self.members.append(self._member(provider))
        self._pooled = len(self.members) > len(self._gates)

    @property
    def lanes(self) -> list[Lane]:
        """Every lane there is."""
        return [lane for member in self.members for lane in member.lanes.values()]

    @property
    def names(self) -> list[str]:
        """The providers' names in the order of preference."""
        return list(dict.fromkeys(member.provider.name for member in self.members))

    def candidates(self, request: LLMRequest) -> list[Lane]:
        """The lanes of those who have what is asked, in the order of preference. In a pool credentials take turns."""
        members = self.members
        if self._mixed:
            # A service has no answer to a prompt, nor a model to a service's request. With nobody who has, everybody is
            # asked, so that the caller is told why not.
            members = [member for member in members if member.provider.serves(request.operation)] or members
        found = [member.lane(member.provider.upstream_model(request)) for member in members]
        return self._take_turns(found) if self._pooled else found

    def _take_turns(self, lanes: list[Lane]) -> list[Lane]:
        # Limits are kept per key, so calls are spread; a pool's members stand together.
        pools: dict[str, list[Lane]] = {}
        for lane in lanes:
            pools.setdefault(lane.name, []).append(lane)
        ordered: list[Lane] = []
        for name, pool in pools.items():
            turn = self._turns.get(name, 0) % len(pool)
            self._turns[name] = turn + 1
            ordered += pool[turn:] + pool[:turn]
        return ordered

    def gets_calls(self, name: str) -> bool:
        """Whether calls that begin now come to any lane of a provider."""
        return any(lane.gets_calls for lane in self.lanes if lane.name == name)

    def pool(self, name: str) -> list[Member]:
        """The members of a provider.

        Raises:
            UnknownProvider: There are none.
        """
        found = [member for member in self.members if member.provider.name == name]
        if not found:
            raise UnknownProvider(f"no provider is called {name!r}, known are {', '.join(self.names) or 'none'}")
        return found

    def add(self, providers: Sequence[LLMProvider], place: int | None = None) -> None:
        """A new provider, last in the order of preference or at a place in it."""
        name = providers[0].name
        if name in self.names:
            raise UnknownProvider(f"a provider called {name!r} is there already, choose another name")
        made = [self._member(provider) for provider in providers]
        order = self.names
        self.members += made
        order.insert(len(order) if place is None else place, name)
        self.reorder(order)
        self._changed()

    def reorder(self, names: Sequence[str]) -> None:
        """Another order of preference; providers that aren't named keep their order behind the named ones.

        Raises:
            UnknownProvider: One of them isn't there.
        """
        pools = [self.pool(name) for name in dict.fromkeys(names)]
        named = dict.fromkeys(names)
        rest = [member for member in self.members if member.provider.name not in named]
        self.members[:] = [member for pool in pools for member in pool] + rest

    def drain(self, name: str, *, draining: bool) -> None:
        """Send a provider no new calls, or do so again; those on their way are finished."""
        for member in self.pool(name):
            member.drain(draining=draining)
        self._changed()

    def replace(self, name: str, providers: Sequence[LLMProvider]) -> list[Member]:
        """Exchange a provider's credentials at its place; what leaves finishes its calls. None removes the provider.

        Returns:
            The members that leave, for `see_off`.
        """
        leaving = self.pool(name)
        place = self.members.index(leaving[0])
        draining = all(member.draining for member in leaving)
        self.members[:] = [member for member in self.members if member not in leaving]
        if providers:
            self.members[place:place] = [self._member(provider) for provider in providers]
            if draining:
                self.drain(name, draining=True)
        else:
            del self._gates[name]
        for member in leaving:
            member.drain(draining=True)
        self.leaving += leaving
        self._changed()
        return leaving

    async def see_off(self, leaving: Sequence[Member], clock: Callable[[], float], limit_s: float) -> None:
        """Close those who leave once every call that began before is over: any of them may still come to need them.

        Args:
            leaving: What `replace` gave.
            clock: Seconds that only go forward.
            limit_s: How long that may take.
        """
        before, deadline = list(self._earlier), clock() + limit_s
        while clock() < deadline and (any(era.calls for era in before) or any(each.in_flight for each in leaving)):  # noqa: ASYNC110 - see below
            # Rare; an event for each call's end would be on the path of every call.
            await asyncio.sleep(LEAVING_POLL_S)
        self.leaving = [member for member in self.leaving if member not in leaving]
        for member in leaving:
            await member.provider.aclose()

    def _changed(self) -> None:
        self.draining = any(member.draining for member in self.members)
        self._pooled = len(self.members) > len(self._gates)
        self._earlier = [era for era in (*self._earlier, self.era) if era.calls]
        self.era = Era()
        self._told()

    def _member(self, provider: LLMProvider) -> Member:
        self._mixed = self._mixed or not provider.serves("chat")
        gate = self._gates.get(provider.name)
        if gate is None:
            gate = self._gates[provider.name] = Gate(provider.profile.concurrency_max, self._freed)
        member = Member(provider, lambda of, model: self._make(of, model, gate))
        member.lane(provider.model)
        return member
