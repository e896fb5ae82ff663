"""What a test gets: fake providers by name, a timeline to play around its own calls, and what came of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final

from ..fakes import dialects
from ..fakes.answer import WORDS_MAX, Mark, Shape
from ..scenarios.problems import nearest
from .errors import HarnessError
from .lab import SEED
from .lab_asserts import Assertions
from .lab_clock import SPEED_MAX, LabClock
from .lab_play import Played, nothing, scenario_of
from .lab_provider import LabProvider, seconds
from .lab_requests import Request
from .lab_stage import Journal
from .lab_stand import Stand
from .vendor_variables import VARIABLES

if TYPE_CHECKING:
    from ..fakes.dialects.base import Dialect
    from ..fakes.invoice import Bill
    from ..scenarios.model import Scenario
    from .lab import Lab

__tracebackhide__ = methodcaller("errisinstance", (AssertionError, HarnessError))  # pytest shows the test's own line
WORDS: Final = 24
"""Words of the answer to a marked prompt, unless told otherwise."""
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class UnknownProviderError(HarnessError, AttributeError):
    """There is no provider of that name."""


class Banstorm(Assertions):
    """The providers of one test. ``banstorm.openai`` is one that speaks OpenAI's dialect, and so on for each vendor.

    A provider begins to listen when it is first named; `close` ends them all.

    Args:
        lab: The session's lab.
        where: Who it is for, for messages: a test's id.
    """

    def __init__(self, lab: Lab, where: str = "the test") -> None:
        self._lab = lab
        self._where = where
        self._run = secrets.token_hex(3)
        self._clock = LabClock()
        self._journal = Journal(self._clock, self._start)
        self._providers: dict[str, LabProvider] = {}
        self._scenario: Scenario | None = None
        self._before: dict[str, str | None] = {}
        self._marks = 0

    # providers

    def __getattr__(self, name: str) -> LabProvider:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> LabProvider:
        """The provider of that name: of the scenario that is played, or the vendor's.

        Raises:
            UnknownProviderError: when there is none.
        """
        found = self._providers.get(name)
        return self._open(name, self._dialect(name)) if found is None else found

    def provider(self, name: str, *, like: str) -> LabProvider:
        """One more provider, in some vendor's dialect: a second account, another region, a vendor of one's own.

        Args:
            name: Its name, as ``backup``.
            like: The dialect that it speaks, as ``openai``.

        Raises:
            UnknownProviderError: when there is no such dialect.
            HarnessError: when the name is taken.
        """
        if name in self._providers or name in self._names():
            raise HarnessError(f"there is a provider {name!r} already", self._where, "choose another name")
        return self._open(name, self._dialect(like))

    @property
    def providers(self) -> dict[str, LabProvider]:
        """Those that listen, by name."""
        return dict(self._providers)

    def env(self, *names: str) -> dict[str, str]:
        """The environment variables by which vendors' SDKs find these providers, for a process to be started with.

        Args:
            names: The providers; those of the scenario, or else every vendor's, if none is named.
        """
        chosen = names or tuple(self._scenario.providers if self._scenario is not None else VARIABLES)
        found: dict[str, str] = {}
        for provider in [self[name] for name in chosen]:
            words = {"root": provider.url, "base": provider.base_url, "key": provider.api_key}
            for template in VARIABLES.get(provider.dialect.name, ()):
                variable, _, value = template.partition("=")
                found.setdefault(variable, value.format_map(words))
        if any(os.environ.get(each) for each in _PROXIES):  # loopback must not be asked for through a proxy
            for variable in ("NO_PROXY", "no_proxy"):
                found[variable] = ",".join(filter(None, (os.environ.get(variable), "127.0.0.1,localhost")))
        return found

    def setenv(self, *names: str) -> None:
        """Set `env` for this process until the test is over: a client made from now on talks to the fakes."""
        for variable, value in self.env(*names).items():
            self._before.setdefault(variable, os.environ.get(variable))
            os.environ[variable] = value

    # time

    def play(self, played: Played, *, speed: float = 1.0, where: str | None = None) -> None:
        """Play a timeline around the test's own calls, in place of what was played before.

        Its time 0 is the first request to any provider, or `start`. The scenario's load is not played, and its speeds
        aren't either: providers answer at once.

        Args:
            played: A scenario's name or file; or an entry, or entries, as ``{"on": "openai", "fault": "stream_cut"}``.
            speed: How many times as fast as the machine's the timeline's clock runs; 0 if by `advance` alone.
            where: Where it is said, for messages.

        Raises:
            HarnessError: when it can't be played.
        """
        where = where or self._where
        told: Any = speed  # nobody checks the types of tests
        if not isinstance(told, int | float) or not 0 <= speed <= SPEED_MAX:
            raise HarnessError(f"a speed of {speed!r}", where, f"write 0 (only by advance), or up to {SPEED_MAX:g}")
        scenario = scenario_of(played, where, {**_vendors(), **self._names()})
        for name, each in scenario.providers.items():
            there = self._providers.get(name)
            if there is not None and there.dialect.name != each.dialect:
                what = f"the scenario's {name!r} speaks {each.dialect}, the test's speaks {there.dialect.name}"
                raise HarnessError(what, where, "play it before the provider is named")
        for name, provider in self._providers.items():
            if provider.stand.logged_in:
                what = f"somebody has logged in at {name!r}, and another timeline begins with accounts of its own"
                raise HarnessError(what, where, "play it before anybody logs in")

        async def change() -> None:
            self._scenario = scenario
            self._clock.started_ns = None
            self._clock.speed = speed
            for provider in self._providers.values():
                provider.stand.prepare(scenario)
                await provider.stand.moved()

        self._lab.run(change())

    def start(self) -> None:
        """Let the timeline's time 0 be now, and not the first request."""

        async def begin() -> None:
            self._start()
            await self._moved()

        self._lab.run(begin())

    def advance(self, by: str | float) -> None:
        """Put the timeline's clock forward, as ``3s``: windows open and close, quotas fill, bans end.

        Raises:
            HarnessError: when it is no time.
        """
        by_s = seconds(by, f"advance({by!r})")

        async def move() -> None:
            self._clock.advance(by_s)
            await self._moved()

        self._lab.run(move())

    @property
    def now_s(self) -> float | None:
        """Seconds since the timeline's time 0, None before it."""
        return self._clock.into_s

    # what came of it

    @property
    def requests(self) -> list[Request]:
        """Every request that arrived, in order."""
        for provider in self._providers.values():
            provider.settle()
        return list(self._journal.requests)

    @property
    def bills(self) -> list[Bill]:
        """Everything that was billed, in order."""
        found = [bill for provider in self._providers.values() for bill in provider.bills]
        return sorted(found, key=lambda bill: bill.at_ns)

    @property
    def bitten(self) -> dict[str, int]:
        """How often each entry of the timeline met something, by the entry's id such as ``0:org_disabled``."""
        counts: dict[str, int] = {}
        if self._scenario is not None:
            counts = {entry.id_at(index): 0 for index, entry in enumerate(self._scenario.timeline)}
        for provider in self._providers.values():
            for entry, count in provider.bitten.items():
                counts[entry] = counts.get(entry, 0) + count
        return counts

    def must_be(self, name: str) -> None:
        """Raise an `UnknownProviderError` where neither test, scenario nor vendor has this name."""
        if name not in self._known():
            raise UnknownProviderError(f"there is no provider {name!r}", self._where, nearest(name, self._known(), ""))

    def door_shut(self, name: str, request: Request) -> bool:
        """Whether a provider took no connections when a request came to another."""
        return name in self._providers and self._providers[name].stand.was_shut(request.clock_ns)

    def forget(self) -> None:
        """Forget the requests and bills so far: assertions are about what comes from now on."""
        for provider in self._providers.values():
            provider.settle()
            provider.forget()
        self._lab.do(self._journal.requests.clear)

    def prompt(self, text: str = "Say what was agreed.", *, words: int = WORDS, shape: str = "text") -> str:
        """A prompt with a mark, whose answer `judge` can check word by word.

        Args:
            text: What stands before the mark.
            words: Length of the answer.
            shape: ``text``, ``json`` or ``tool``.

        Raises:
            HarnessError: when no mark can ask for that.
        """
        if shape not in set(Shape) or not 1 <= words <= WORDS_MAX:
            advice = f"write 1 to {WORDS_MAX} words, and one of the shapes {', '.join(Shape)}"
            raise HarnessError(f"no mark asks for {words!r} words of {shape!r}", self._where, advice)
        self._marks += 1
        return f"{text} {Mark(self._run, self._marks, Shape(shape), words).render()}"

    # its life

    def close(self) -> None:
        """Stop listening, and put the environment back as it was.

        Raises:
            HarnessError: when a provider could not do what the timeline says.
        """
        for variable, value in self._before.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value
        self._before.clear()
        with ExitStack() as closing:  # each of them, whatever becomes of the others
            for provider in self._providers.values():
                closing.callback(provider.end)
            self._providers.clear()

    def _open(self, name: str, dialect: Dialect) -> LabProvider:
        stand = Stand(self._journal, name, dialect, self._run, self._lab.prices)
        scenario = self._scenario or nothing({name: "openai"}, SEED)

        async def open_() -> None:
            await stand.open(scenario)
            self._providers[name] = LabProvider(self._lab, stand, self._journal, name, dialect)

        self._lab.run(open_())
        return self._providers[name]

    def _dialect(self, name: str) -> Dialect:
        said = self._scenario.providers.get(name) if self._scenario is not None else None
        if said is not None:
            return dialects.find(said.dialect, said.service)
        if name in dialects.names():
            return dialects.find(name)
        raise UnknownProviderError(f"there is no provider {name!r}", self._where, nearest(name, self._known(), ""))

    def _known(self) -> set[str]:
        """Every name that a provider may have here."""
        return {*dialects.names(), *self._names(), *(each.provider for each in list(self._journal.requests))}

    def _names(self) -> Mapping[str, str]:
        """The dialects of the providers that the test or its scenario has named."""
        named = {name: each.dialect.name for name, each in self._providers.items()}
        if self._scenario is not None:
            named |= {name: each.dialect for name, each in self._scenario.providers.items()}
        return named

    def _start(self) -> None:
        """In the lab's thread: time 0 is now, if it was not before."""
        if self._clock.started_ns is not None:
            return
        self._clock.started_ns = now_ns = self._clock.now_ns()
        for provider in self._providers.values():
            provider.stand.start(now_ns)

    async def _moved(self) -> None:
        for provider in self._providers.values():
            await provider.stand.moved()


def _vendors() -> Mapping[str, Any]:
    return {name: name for name in dialects.names()}
