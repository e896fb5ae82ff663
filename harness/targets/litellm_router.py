"""LiteLLM's Router as a library in a process, without its proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ._baseline import Baseline
from ._installation import PythonInstallation
from ._library import LibraryTarget
from ._litellm import DIALECTS, TUNED, departures, deployments, installation, router_settings
from .base import ProviderAt


class LiteLLMRouterTarget(LibraryTarget):
    """`litellm.Router` behind a small server, configured as the proxy is; it shares the proxy's environment."""

    name: ClassVar[str] = "litellm_router"
    installation: ClassVar[PythonInstallation] = installation
    version: ClassVar[str | None] = installation.version
    dialects: ClassVar[Mapping[str, str]] = DIALECTS
    variants: ClassVar[Mapping[str, str]] = {"tuned": TUNED}
    server: ClassVar[str] = "litellm_server.py"
    variables: ClassVar[Mapping[str, str]] = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    }

    def settings(self, base: Baseline, providers: Mapping[str, ProviderAt]) -> Mapping[str, Any]:
        """The Router's arguments."""
        return {
            "model_list": deployments(providers, tuned=self.tuned, reference=False),
            "router_settings": router_settings(base, providers, tuned=self.tuned),
        }

    def departures(self, base: Baseline) -> list[str]:
        """As the proxy's."""
        return departures(base, tuned=self.tuned)


TARGET = LiteLLMRouterTarget
