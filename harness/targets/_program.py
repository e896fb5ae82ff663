"""A target that is a program of somebody else's, which we install, configure and start."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from ...scenarios.model import Scenario
from ..errors import HarnessError, NotReadyError
from ..launch import Process, pick_port
from ._baseline import Baseline, baseline
from ._installation import Installation, clean_environment
from .base import OPENAI_CHAT, Endpoint, Options, ProviderAt, Target

SERVERS: Final = Path(__file__).parent / "servers"
"""Programs of ours that run in a target's own environment."""
ADDRESS_S_MAX: Final = 20.0
"""Seconds that a target which picks its port itself may take to say which."""
HOME: Final = "home"
"""Folder, in a run's, that a target takes for its user's home."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a target is started and called: made without touching the disk, so that a bench can make it too.

    Attributes:
        command: Program and arguments.
        base_url: What the front's path follows; empty if only the program knows, see `ProgramTarget.address_file`.
        model: What the callers ask for.
        files: Files to write first, by their path below the target's home.
        variables: Environment beside the clean one.
        headers: What every call carries.
        api_key: What the callers identify themselves with.
        departures: What was set and differs from the vendor's default, a line each.
    """

    command: Sequence[str]
    base_url: str
    model: str
    files: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    api_key: str | None = None
    departures: Sequence[str] = ()
    metrics_url: str | None = None


class ProgramTarget(Target):
    """Installs, configures and starts a program. A subclass says what is installed and how it is configured."""

    kind: ClassVar[str] = "program"
    own_front: ClassVar[str] = OPENAI_CHAT
    """The dialect that the program offers to callers."""
    dialects: ClassVar[Mapping[str, str]] = {}
    """The dialects of providers that it can be given, and what its configuration calls each."""
    providers_max: ClassVar[int] = 32
    """Most providers that it can be given."""
    address_file: ClassVar[str | None] = None
    """File, in its home, that will hold its address, if it picks its port itself."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.variant and options.variant not in self.variants:
            known = ", ".join(f"{self.name}:{each}" for each in self.variants) or f"only {self.name}"
            raise HarnessError(f"{self.name} has no variant {options.variant!r}", "--target", f"there is {known}")
        if options.settings:
            advice = "give a configuration of your own by --target FILE.yaml"
            raise HarnessError(f"{self.name} takes no --set: its configuration is the baseline", "--set", advice)
        self._process: Process | None = None
        self._departures: Sequence[str] = ()

    @property
    @abstractmethod
    def installation(self) -> Installation | None:
        """What must be installed; None if it is the machine's own program."""

    @abstractmethod
    def render(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int, home: Path) -> Launch:
        """How it is started at `port` with `providers` in their order; its files will lie below `home`."""

    def check(self, scenario: Scenario) -> None:
        """Refuse providers whose dialect it does not speak, or more of them than it takes."""
        for name, each in scenario.providers.items():
            if each.dialect not in self.dialects:
                spoken = ", ".join(self.dialects)
                what = f"{self.name} can't be given {name}: its dialect is {each.dialect}"
                raise HarnessError(
                    what, f"providers.{name}", f"it speaks {spoken}: play it with --dialect, or another target"
                )
        if len(scenario.providers) > self.providers_max:
            what = f"{self.name} takes {self.providers_max} providers, the scenario has {len(scenario.providers)}"
            raise HarnessError(what, "providers", "play another scenario, or another target")

    async def prepare(self, tell: Callable[[str], None]) -> None:
        """Install it, unless it is in the cache."""
        if self.installation is not None:
            await self.installation.make(tell)

    async def start(self, scenario: Scenario, providers: Mapping[str, ProviderAt], folder: Path) -> Endpoint:
        """Write its files below `folder` and start it on a free port."""
        return await self.begin(baseline(scenario), providers, folder)

    async def begin(self, base: Baseline, providers: Mapping[str, ProviderAt], folder: Path) -> Endpoint:
        """As `start`, with a baseline of one's own."""
        home = (folder / HOME).resolve()
        launch = self.render(base, providers, pick_port(), home)
        home.mkdir(parents=True, exist_ok=True)
        for name, text in launch.files.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        self._departures = launch.departures
        self._process = Process(self.label, folder / "logs" / "target.log")
        env = clean_environment(home) | dict(launch.variables) | dict(self.fence) | dict(self.environment)
        await self._process.start(launch.command, env=env, cwd=home)
        base_url = launch.base_url if self.address_file is None else await self._address(home / self.address_file)
        return Endpoint(
            base_url=base_url,
            model=self.options.model or launch.model,
            headers={**launch.headers, **self.options.headers},
            api_key=self.options.api_key or launch.api_key,
            metrics_url=launch.metrics_url,
            front=self.front,
        )

    async def _address(self, path: Path) -> str:
        """The base URL that the program has written down.

        Raises:
            NotReadyError: when it ends or time is up before it did.
        """
        assert self._process  # noqa: S101 - started before
        until = time.monotonic() + ADDRESS_S_MAX
        while not (address := _read(path)):
            ended = self._process.exited_ns is not None
            if ended or time.monotonic() > until:
                end = self._process.end if ended else f"did not say in {ADDRESS_S_MAX:.0f} s where it listens"
                said = self._process.tail() or "it said nothing"
                raise NotReadyError(f"the target {end}: {said}", str(self._process.log), "read its log")
            await asyncio.sleep(0.02)
        return address.rstrip("/")

    async def stop(self) -> None:
        """End it and whatever it started; a run does this itself, a bench may not."""
        if self._process is not None:
            await self._process.stop()

    @property
    def front(self) -> str:
        """The dialect that its callers speak: the program's own."""
        return self.options.front or self.own_front

    @property
    def tuned(self) -> bool:
        """Whether the variant that the vendor's documents recommend was asked for."""
        return self.options.variant == "tuned"

    @property
    def label(self) -> str:
        """Its name, with the variant."""
        return self.options.label or (f"{self.name}:{self.options.variant}" if self.options.variant else self.name)

    @property
    def process(self) -> Process | None:
        """The program's process."""
        return self._process

    @property
    def configured(self) -> Sequence[str]:
        """What departs from the vendor's default."""
        return self._departures

    @property
    def detail(self) -> str:
        """The vendor's version, and the variant."""
        variant = f", {self.variants[self.options.variant]}" if self.options.variant else ""
        return f"{self.name} {self.version or 'of this machine'}{variant}"


def key_variable(number: int) -> str:
    """The environment variable that holds the key of the provider with that number, from 1."""
    return f"BANSTORM_KEY_{number}"


def keys_of(providers: Mapping[str, ProviderAt]) -> dict[str, str]:
    """Every provider's key in a variable of its own, so that none stands in a configuration file."""
    return {key_variable(number): each.key for number, each in enumerate(providers.values(), 1)}


def root_of(url: str) -> str:
    """A base URL without its trailing ``/v1``, for what adds that itself."""
    return url.rstrip("/").removesuffix("/v1")


def _read(path: Path) -> str:
    """What is in the file, nothing if there is none."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
