"""Portkey's open-source gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from ...scenarios.model import Scenario
from ._baseline import Baseline
from ._installation import NodeInstallation
from ._node import node
from ._program import SERVERS, Launch, ProgramTarget
from .base import ProviderAt

VERSION: Final = "1.15.2"
RETRIES_TUNED: Final = 3


class PortkeyTarget(ProgramTarget):
    """Portkey's gateway: its configuration, a fallback over the scenario's providers, travels with each call."""

    name: ClassVar[str] = "portkey"
    version: ClassVar[str | None] = VERSION
    dialects: ClassVar[Mapping[str, str]] = {"anthropic": "anthropic", "openai": "openai"}
    variants: ClassVar[Mapping[str, str]] = {"tuned": "three retries at each target, as its guide shows"}
    installation: ClassVar[NodeInstallation] = NodeInstallation("portkey", VERSION)

    def check(self, scenario: Scenario) -> None:
        """Node.js must be there, and not too old."""
        super().check(scenario)
        node()

    def render(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int, home: Path) -> Launch:  # noqa: ARG002 - no files
        """The gateway's own command, and the header that configures it."""
        server = self.installation.folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
        return Launch(
            command=[
                node(),
                "--require",
                str(SERVERS / "loopback.cjs"),
                str(server),
                "--headless",
                f"--port={port}",
            ],
            base_url=f"http://127.0.0.1:{port}/v1",
            model=next(iter(providers.values())).model,
            headers={"x-portkey-config": json.dumps(self.config(base, providers), separators=(",", ":"))},
            variables={"NODE_ENV": "production"},
            departures=[
                f"request_timeout {base.timeout_ms} ms (default: none)",
                "strategy fallback over the providers (default: single)",
                "@hono/node-server 1.13.5 (newer ones answer 500 to every stream: Portkey-AI/gateway issue 1389)",
                *([f"retry attempts {RETRIES_TUNED} (default 0)"] if self.tuned else []),
                "it is held to loopback from outside (default: all interfaces; it has no setting for that)",
            ],
        )

    def config(self, base: Baseline, providers: Mapping[str, ProviderAt]) -> dict[str, Any]:
        """The gateway's configuration object."""
        targets: list[dict[str, Any]] = [
            {
                "provider": self.dialects[each.dialect],
                "api_key": each.key,
                "custom_host": each.base_url.rstrip("/").removesuffix("/v1") + "/v1",
                "override_params": {"model": each.model},
            }
            for each in providers.values()
        ]
        if self.tuned:
            targets = [each | {"retry": {"attempts": RETRIES_TUNED}} for each in targets]
        return {"strategy": {"mode": "fallback"}, "request_timeout": base.timeout_ms, "targets": targets}


TARGET = PortkeyTarget
