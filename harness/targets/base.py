"""What a target is: something that speaks an LLM API and is to be judged.

A target's file defines ``TARGET``, a subclass of `Target`; its name is the file's name. Files whose names begin with an
underscore are parts of several targets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from ...scenarios.model import Scenario
from ..launch import Process
from ..logins import LoginAt

OPENAI_CHAT: Final = "openai_chat"
"""The front that most routers have."""


@dataclass(frozen=True, slots=True)
class ProviderAt:
    """A provider as a target must be configured: its dialect, model, base URL, and a made-up key in its format."""

    dialect: str
    model: str
    base_url: str
    key: str
    login: LoginAt | None = None
    """The OAuth login that takes the key's place, if it has one: a key is refused then."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user said about the target on the command line."""

    url: str | None = None
    model: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    api_key: str | None = None
    label: str | None = None
    """What the report shall call it."""
    settings: tuple[str, ...] = ()
    """`--set` items, e.g. ``breaker.enabled=false``; only targets that we configure know what to do with them."""
    front: str | None = None
    """The dialect that the callers speak to the target: a file of ``harness/load``."""
    variant: str = ""
    """What follows the colon in ``--target litellm:tuned``."""
    command: str | None = None
    """The command that starts the target, if `--target` is one."""
    file: Path | None = None
    """The file that describes the target, if `--target` is one."""

    @property
    def words(self) -> list[str]:
        """The command line's words for these, without any credential and without the target itself."""
        single = {"--name": self.label, "--model": self.model, "--front": self.front}
        words = [word for option, value in single.items() if value for word in (option, value)]
        words += [word for name in self.headers for word in ("--header", f"{name}: …")]
        return words + [word for item in self.settings for word in ("--set", item)]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how the callers call the target."""

    base_url: str
    model: str
    headers: Mapping[str, str]
    api_key: str | None
    metrics_url: str | None = None
    front: str = OPENAI_CHAT
    """The dialect that it speaks to its callers."""


class Target(ABC):
    """A router under test."""

    name: ClassVar[str]
    kind: ClassVar[str]
    version: ClassVar[str | None] = None
    """The pinned version, if it is a program that we install."""
    variants: ClassVar[Mapping[str, str]] = {}
    """What may follow its name and a colon, and what each means."""
    holds_logins: ClassVar[bool] = False
    """Whether it can be given OAuth logins in place of API keys."""
    configured_by_us: ClassVar[bool] = True
    """Whether we start and configure it; if not, the user is told where its providers must point."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.environment: Mapping[str, str] = {}
        """Variables that it must be started with besides: the proxy's, if it is intercepted. Set before `start`."""
        self.fence: Mapping[str, str] = {}
        """Variables that let its calls to anybody but its providers end at us. Set before `start`."""

    def check(self, scenario: Scenario) -> None:  # noqa: B027 - most have nothing to refuse
        """Refuse, before anything starts, a scenario that it can't serve or a machine that it can't run on.

        Raises:
            HarnessError: what is missing, and what to do about it.
        """

    async def prepare(self, tell: Callable[[str], None]) -> None:  # noqa: B027 - nor to install
        """Install what it needs, if it is not there yet; `tell` hears what is done, a line each.

        Raises:
            HarnessError: when it can't be installed.
        """

    @property
    def front(self) -> str:
        """The dialect that its callers will speak."""
        return self.options.front or OPENAI_CHAT

    @property
    def configured(self) -> Sequence[str]:
        """What was set and departs from the vendor's default, a line each. Known once it was started."""
        return ()

    @abstractmethod
    async def start(self, scenario: Scenario, providers: Mapping[str, ProviderAt], folder: Path) -> Endpoint:
        """Start it with its files in `folder`; returns once it was started, not necessarily ready.

        Raises:
            HarnessError: when it can't be configured or started.
        """

    def clean_up(self) -> None:  # noqa: B027 - most write nothing that may not stay
        """Remove what may not stay in the run's folder; called once it has ended, also if it never started."""

    @property
    def label(self) -> str:
        """What the report and the run's folder call it."""
        return self.options.label or self.name

    @property
    def process(self) -> Process | None:
        """Its process, if it is ours."""
        return None

    @property
    def detail(self) -> str:
        """What exactly is tested, for the report."""
        return self.name
