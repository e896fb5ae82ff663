"""A provider of a lab as it stands in the lab's thread: its listener, its fake, its timeline, its door.

Everything here runs in the lab's thread; `lab_provider` is what tests see.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from ..fakes.app import create_app
from ..fakes.canned import CannedAnswers
from ..fakes.control_desk import Tempo
from ..fakes.pace import Pace
from ..fakes.serve import Servers, serve
from .faults.timeline import Timeline
from .inline import InlineFaults
from .lab_clock import NS
from .lab_door import LabDoor
from .lab_stage import Ban, Stage, StageWitness
from .pacing import prices_of
from .standings.staged import Staged

if TYPE_CHECKING:
    from ..fakes.control_bodies import Rule
    from ..fakes.dialects.base import Dialect
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
        app = create_app(
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
        self.stage.app = self._inline = InlineFaults(app, self._name, self._witness, self._dialect)
        for limits in self._limits:
            self._limit(limits)
        if self._door is not None:
            self._door.timeline = self._witness.timeline
        if clock.started_ns is not None:
            self.start(clock.started_ns)

    def start(self, t0_ns: int) -> None:
        """Time 0 is this moment of the lab's clock."""
        self._witness.timeline.start(t0_ns)
        if self._staged is not None:
            self._staged.begin(t0_ns / NS)

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
        """Close every connection and listen no more."""
        if self._door is not None:
            self._door.close()
        if self._servers is not None:
            await self._servers.stop()

    async def settle(self) -> None:
        """Wait until what callers have been told is written down and billed, at most `SETTLE_S_MAX` seconds."""
        clock = asyncio.get_running_loop().time
        ends_s = clock() + SETTLE_S_MAX
        while not self.stage.settled(self._witness.reached) and clock() < ends_s:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(LOOK_S)

    def _abort(self, entry: str) -> None:
        if self._inline is not None and self._servers is not None:
            self._inline.break_off(entry)
            self._servers.reset(self._name)

    def _limit(self, limits: Rule) -> None:
        if self._staged is not None:
            self._staged.accounts.quota.set(limits.limits(), **limits.whose())
