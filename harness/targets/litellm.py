"""LiteLLM's proxy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ._baseline import Baseline
from ._installation import PythonInstallation
from ._litellm import DIALECTS, TUNED, departures, deployments, installation, router_settings
from ._program import Launch, ProgramTarget, keys_of
from .base import ProviderAt

MASTER_KEY = "sk-banstorm-master"


class LiteLLMTarget(ProgramTarget):
    """LiteLLM's proxy, one worker, a model group a provider, fallbacks in the scenario's order."""

    name: ClassVar[str] = "litellm"
    version: ClassVar[str | None] = installation.version
    dialects: ClassVar[Mapping[str, str]] = DIALECTS
    variants: ClassVar[Mapping[str, str]] = {"tuned": TUNED}
    installation: ClassVar[PythonInstallation] = installation

    def render(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int, home: Path) -> Launch:
        """A configuration file, and the proxy's own command."""
        config: dict[str, Any] = {
            "model_list": deployments(providers, tuned=self.tuned),
            "router_settings": router_settings(base, providers, tuned=self.tuned),
            "litellm_settings": {"telemetry": False, "request_timeout": base.timeout_s},
        }
        words = ["--config", str(home / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)]
        program = str(self.installation.folder / "bin" / "litellm")
        return Launch(
            command=[self.installation.python, program, *words, "--num_workers", "1", "--telemetry", "False"],
            base_url=f"http://127.0.0.1:{port}/v1",
            model="m",
            files={"config.yaml": json.dumps(config, indent=1)},  # JSON is YAML
            variables={
                **keys_of(providers),
                "LITELLM_MASTER_KEY": MASTER_KEY,
                "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
                "NO_DOCS": "True",
            },
            api_key=MASTER_KEY,
            departures=departures(base, tuned=self.tuned),
        )


TARGET = LiteLLMTarget
