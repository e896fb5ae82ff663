"""What LiteLLM's proxy and its Router in a process have in common: deployments and the Router's settings.

Defaults are those of litellm 1.106 (`litellm/constants.py` and the constructor of `litellm.Router`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ._baseline import Baseline
from ._installation import PythonInstallation
from ._program import key_variable, root_of
from .base import ProviderAt

VERSION: Final = "1.106.2"
PACKAGES: Final = (
    f"litellm[proxy]=={VERSION}",
    "httptools",
    # Without these the proxy looks for them again at each request.
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp",
)
installation: Final = PythonInstallation("litellm", VERSION, PACKAGES)
"""The proxy and the Router share it."""
DIALECTS: Final[Mapping[str, str]] = {"anthropic": "anthropic", "openai": "openai"}
GROUP: Final = "m"
"""The model group that callers ask for."""
TUNED: Final = "deployments ordered within one model group, the vendor's own number of retries"
RETRIES_DEFAULT: Final = 2


def deployments(providers: Mapping[str, ProviderAt], *, tuned: bool, reference: bool = True) -> list[dict[str, Any]]:
    """The model list. `reference`: keys are named by their variables, as the proxy reads them, not written out."""
    listed = []
    for number, each in enumerate(providers.values(), 1):
        anthropic = each.dialect == "anthropic"
        params: dict[str, Any] = {
            "model": f"{DIALECTS[each.dialect]}/{each.model}",
            "api_base": root_of(each.base_url) if anthropic else each.base_url,
            "api_key": f"os.environ/{key_variable(number)}" if reference else each.key,
        }
        if tuned:
            params["order"] = number
        listed.append({"model_name": GROUP if tuned or number == 1 else f"m{number}", "litellm_params": params})
    return listed


def router_settings(base: Baseline, providers: Mapping[str, ProviderAt], *, tuned: bool) -> dict[str, Any]:
    """The Router's arguments."""
    settings: dict[str, Any] = {"timeout": base.timeout_s, "stream_timeout": base.timeout_s}
    if tuned:
        return settings | {"num_retries": RETRIES_DEFAULT, "enable_pre_call_checks": True}
    others = [f"m{number}" for number in range(2, len(providers) + 1)]
    return settings | {"num_retries": base.retries, "fallbacks": [{GROUP: others}] if others else []}


def departures(base: Baseline, *, tuned: bool) -> list[str]:
    """What differs from the vendor's defaults, a line each."""
    lines = [f"timeout and stream_timeout {base.timeout_s:g} s (default 6,000 s)", "telemetry off (default on)"]
    if not tuned:
        lines.insert(0, f"num_retries {base.retries} (default {RETRIES_DEFAULT})")
    else:
        lines.insert(0, "order, and enable_pre_call_checks (default: none, off)")
    return [*lines, "allowed_fails, cooldown_time, retry_after: the vendor's defaults"]
