"""No router: the control row of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

from ...scenarios.model import Scenario
from ..errors import HarnessError
from ._baseline import Baseline
from ._installation import PythonInstallation
from ._library import LibraryTarget, told
from ._program import Launch
from .base import OPENAI_CHAT, ProviderAt

ANTHROPIC: Final = "2.11.0"
OPENAI: Final = "3.52.0"
PACKAGES: Final = (f"anthropic=={ANTHROPIC}", f"openai=={OPENAI}", "uvicorn", "httptools")
FRONTS: Final = {"anthropic": "anthropic_messages", "openai": OPENAI_CHAT}


class NoRouterTarget(LibraryTarget):
    """The first provider's own SDK, with its own retries and nobody to fall back to."""

    name: ClassVar[str] = "none"
    version: ClassVar[str | None] = f"anthropic {ANTHROPIC}, openai {OPENAI}"
    server: ClassVar[str] = "sdk_server.py"
    installation: ClassVar[PythonInstallation] = PythonInstallation("none", ANTHROPIC, PACKAGES)
    _front: str = OPENAI_CHAT

    def check(self, scenario: Scenario) -> None:
        """Only the first provider is called, so only its dialect counts."""
        name, first = next(iter(scenario.providers.items()))
        if first.dialect not in FRONTS:
            what = f"without a router {name} is called by its own SDK, and that of {first.dialect} is not among them"
            raise HarnessError(what, f"providers.{name}", f"it can be one of: {', '.join(FRONTS)}")
        self._front = FRONTS[first.dialect]

    @property
    def front(self) -> str:
        """The first provider's own dialect."""
        return self.options.front or self._front

    def render(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int, home: Path) -> Launch:
        """The callers ask for the provider's own model."""
        launch = super().render(base, providers, port, home)
        return replace(launch, model=next(iter(providers.values())).model)

    def settings(self, base: Baseline, providers: Mapping[str, ProviderAt]) -> Mapping[str, Any]:  # noqa: ARG002 - an interface
        """The first provider."""
        name, first = next(iter(providers.items()))
        self._front = FRONTS[first.dialect]
        return {"providers": [told(name, first)]}

    def departures(self, base: Baseline) -> list[str]:
        """The SDK's retries stay: they are what this row shows."""
        return [f"timeout {base.timeout_s:g} s (default 600 s)", "max_retries: the SDK's default (2)"]

    @property
    def detail(self) -> str:
        """The SDKs' versions."""
        return f"no router: the provider's own SDK ({self.version})"


TARGET = NoRouterTarget
