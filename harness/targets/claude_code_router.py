"""claude-code-router, which speaks Anthropic's messages to its callers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from ...scenarios.model import Scenario
from ._baseline import Baseline
from ._installation import NodeInstallation
from ._node import node
from ._program import Launch, ProgramTarget, root_of
from .base import ProviderAt

VERSION: Final = "2.0.0"
API_KEY: Final = "sk-banstorm-front"


class ClaudeCodeRouterTarget(ProgramTarget):
    """claude-code-router with the scenario's first provider as its default and the others as its fallbacks."""

    name: ClassVar[str] = "claude_code_router"
    version: ClassVar[str | None] = VERSION
    own_front: ClassVar[str] = "anthropic_messages"
    dialects: ClassVar[Mapping[str, str]] = {"anthropic": "Anthropic", "openai": ""}
    installation: ClassVar[NodeInstallation] = NodeInstallation("claude_code_router", VERSION)

    def check(self, scenario: Scenario) -> None:
        """Node.js must be there, and not too old."""
        super().check(scenario)
        node()

    def render(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int, home: Path) -> Launch:  # noqa: ARG002 - it has no limits, its file lies in HOME
        """Its configuration file in its home, and its own command."""
        first, *others = [f"{name},{each.model}" for name, each in providers.items()]
        config: dict[str, Any] = {
            "HOST": "127.0.0.1",
            "PORT": port,
            "APIKEY": API_KEY,
            "LOG": False,
            "NON_INTERACTIVE_MODE": True,
            "Providers": [self._provider(name, each) for name, each in providers.items()],
            "Router": {"default": first},
            "fallback": {"default": others},
        }
        cli = self.installation.folder / "node_modules/@musistudio/claude-code-router/dist/cli.js"
        return Launch(
            command=[node(), str(cli), "start"],
            base_url=f"http://127.0.0.1:{port}/v1",
            model=first,
            files={".claude-code-router/config.json": json.dumps(config, indent=1)},
            variables={"NODE_ENV": "production"},
            api_key=API_KEY,
            departures=["LOG off (default on)", "no time limit: its own, 60 min an attempt, can't be set"],
        )

    def _provider(self, name: str, each: ProviderAt) -> dict[str, Any]:
        path = "/v1/messages" if each.dialect == "anthropic" else "/v1/chat/completions"
        told: dict[str, Any] = {
            "name": name,
            "api_base_url": root_of(each.base_url) + path,
            "api_key": each.key,
            "models": [each.model],
        }
        if transformer := self.dialects[each.dialect]:
            told["transformer"] = {"use": [transformer]}
        return told


TARGET = ClaudeCodeRouterTarget
