"""What a target is: something that speaks an LLM API and is to be judged.

A target's file defines ``TARGET``, a subclass of `Target`; its name is the file's name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ...scenarios.model import Scenario
from ..launch import Process


@dataclass(frozen=True, slots=True)
class ProviderAt:
    """A provider as a target must be configured: its dialect, model, base URL, and a made-up key in its format."""

    dialect: str
    model: str
    base_url: str
    key: str


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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how the callers call the target."""

    base_url: str
    model: str
    headers: Mapping[str, str]
    api_key: str | None
    metrics_url: str | None = None


class Target(ABC):
    """A router under test."""

    name: ClassVar[str]
    kind: ClassVar[str]
    configured_by_us: ClassVar[bool] = True
    """Whether we start and configure it; if not, the user is told where its providers must point."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.environment: Mapping[str, str] = {}
        """Variables that it must be started with besides: the proxy's, if it is intercepted. Set before `start`."""

    @abstractmethod
    async def start(self, scenario: Scenario, providers: Mapping[str, ProviderAt], folder: Path) -> Endpoint:
        """Start it with its files in `folder`; returns once it was started, not necessarily ready.

        Raises:
            HarnessError: when it can't be configured or started.
        """

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
