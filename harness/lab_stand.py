"""A provider of a lab as it stands in the lab's thread: its listener, its fake, its timeline, its door.

Everything here runs in the lab's thread; `lab_provider` is what tests see.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from ..fakes.app import create_app
from ..fakes.canned import CannedAnswers
from ..fakes.control_desk import Tempo
from ..fakes.oauth import ACCESS_S
from ..fakes.pace import Pace
from ..fakes.serve import Servers, serve
from ..fakes.token_endpoint import with_token_endpoint
from .faults.timeline import Timeline
from .inline import InlineFaults
from .lab import SEED
from .lab_clock import NS
from .lab_door import LabDoor
from .lab_stage import Ban, Stage, StageWitness
from .pacing import prices_of
from .standings.staged import Staged
from .standings.staged_grants import StagedGrants

if TYPE_CHECKING:
    from ..fakes.app import ASGIApp
    from ..fakes.control_bodies import Rule
    from ..fakes.dialects.base import Dialect
    from ..fakes.oauth import Tokens
    from ..fakes.prices import PriceTable
    from ..scenarios.model import Scenario
    from .lab_stage import Journal

SETTLE_S_MAX: Final = 2.0
"""Longest wait until what was answered is written down and billed, in seconds."""
LOOK_S: Final = 0.001
"""Seconds between two looks at that."""


class Stand:
    """One provider.

    Args:
        journal: What it has in common with the test's other providers.
        name: Its name.
        dialect: The wire dialect that it speaks.
        run: The run that marks of the test's prompts name.
        prices: List prices.
    """

    def __init__(self, journal: Journal, name: str, dialect: Dialect, run: str, prices: PriceTable) -> None:
        self.stage = Stage()
        self.tempo = Tempo(Pace())
        self.script = CannedAnswers([])
        self.port = 0
        self._journal = journal
        self._name = name
        self._dialect = dialect
        self._run = run
        self._prices = prices
        self._witness = StageWitness(journal, dialect)
        self._limits: list[Rule] = []
        self._servers: Servers | None = None
        self._inline: InlineFaults | None = None
        self._staged: Staged | None = None
        self._fake: ASGIApp = None  # type: ignore[assignment]  # there is one before the first request
        self._door: LabDoor | None = None

    @property
    def bans(self) -> list[Ban]:
        """The bans that hold, or held for a time."""
        return self._witness.bans

    @property
    def bitten(self) -> dict[str, int]:
        """How often each entry of the timeline met something here."""
        counts: dict[str, int] = {}
        for row in self._witness.timeline.rows(self._journal.clock.now_ns()):
            counts[row["entry"]] = counts.get(row["entry"], 0) + row["bites"]
        return counts

    def was_shut(self, at_ns: int) -> bool:
        """Whether connections were refused or ignored at a moment of the lab's clock."""
        return self._door is not None and self._door.was_shut(at_ns)

    def limit(self, limits: Rule) -> None:
        """Set limits.

        Raises:
            ValueError: when they make no sense.
        """
        self._limit(limits)
        self._limits.append(limits)

    def prepare(self, scenario: Scenario) -> None:
        """Play another scenario, from its time 0 on; bans, limits and canned answers stay."""
        clock = self._journal.clock
        self._staged = Staged(
            scenario,
            self._name,
            self._dialect,
            seed=scenario.seed,
            prices=prices_of(scenario) if scenario.prices else self._prices,
            clock=clock.now_s,
        )
        self._fake = create_app(
            self._name,
            self._dialect,
            self.tempo,
            run_seed=scenario.seed,
            bill=self.stage.bill,
            prices=self._staged.prices,
            account=self._staged.accounts,
            script=self.script,
        )
        self._witness.timeline = Timeline(
            scenario, run=self._run, seed=scenario.seed, dialects={self._name: self._dialect}
        )
        self._face(self._fake)
        if self._staged.grants is not None:  # the scenario says so
            self._take_logins()
        for limits in self._limits:
            self._limit(limits)
        if self._door is not None:
            self._door.timeline = self._witness.timeline
        if clock.started_ns is not None:
            self.start(clock.started_ns)

    def login(self, expires_s: float) -> Tokens:
        """A customer logs in. From the first login on, or with a scenario that has one, there are no API keys here.

        Args:
            expires_s: Seconds that access tokens live; those of the first login decide about what is refreshed.
        """
        if self._staged is not None and self._staged.grants is None:
            self._take_logins(expires_s)
        return self._grants.login(access_s=expires_s)

    @property
    def logged_in(self) -> bool:
        """Whether somebody has logged in here."""
        return self._staged is not None and self._staged.grants is not None and any(self._staged.grants.all())

    def start(self, t0_ns: int) -> None:
        """Time 0 is this moment of the lab's clock."""
        self._witness.timeline.start(t0_ns)
        if self._staged is not None:
            self._staged.begin(t0_ns / NS)
        if self._door is not None:
            self._door.wake()

    async def moved(self) -> None:
        """The clock was started or put forward."""
        if self._door is not None:
            await self._door.settle()

    async def open(self, scenario: Scenario) -> None:
        """Listen on a free port."""
        self.prepare(scenario)
        app: Any = self.stage
        self._servers = await serve({self._name: (app, 0)}, doors=(self._name,))
        self.port = self._servers.ports[self._name]
        listener = self._servers.doors[self._name]
        self._door = LabDoor(self._name, listener, self._journal.clock, self._journal.start, self._abort)
        self._door.timeline = self._witness.timeline
        await self._door.settle()

    async def close(self) -> None:
        """Close every connection and listen no more.

        Raises:
            HarnessError: when its door could not do what the timeline says.
        """
        if self._door is not None:
            self._door.close()
        if self._servers is not None:
            await self._servers.stop()
        if self._door is not None:
            self._door.check()

    async def settle(self) -> None:
        """Wait until what callers have been told is written down and billed, at most `SETTLE_S_MAX` seconds.

        Raises:
            HarnessError: when its door could not do what the timeline says.
        """
        clock = asyncio.get_running_loop().time
        ends_s = clock() + SETTLE_S_MAX
        while not self.stage.settled(self._witness.reached) and clock() < ends_s:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(LOOK_S)
        if self._door is not None:
            self._door.check()

    def _abort(self, entry: str) -> None:
        if self._inline is not None and self._servers is not None:
            self._inline.break_off(entry)
            self._servers.reset(self._name)

    @property
    def _grants(self) -> StagedGrants:
        assert self._staged  # noqa: S101 - prepared before
        assert self._staged.grants  # noqa: S101 - made by `_take_logins`, or by the scenario
        return self._staged.grants

    def _take_logins(self, expires_s: float = ACCESS_S) -> None:
        """Let the token endpoint stand in front of the fake, and API keys be unknown, as in a run."""
        staged = self._staged
        assert staged  # noqa: S101 - prepared before
        if staged.grants is None:
            staged.grants = StagedGrants(staged.accounts, self._dialect.name, seed=SEED, access_s=expires_s)
        staged.accounts.accept_unknown = False
        front = with_token_endpoint(self._fake, staged.grants, self._dialect, provider=self._name, bill=self.stage.bill)
        self._face(front)

    def _face(self, app: Any) -> None:
        """What answers from now on, behind the timeline."""
        self.stage.app = self._inline = InlineFaults(app, self._name, self._witness, self._dialect)

    def _limit(self, limits: Rule) -> None:
        if self._staged is not None:
            self._staged.accounts.quota.set(limits.limits(), **limits.whose())
