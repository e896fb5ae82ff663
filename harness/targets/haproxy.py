"""HAProxy as a plain load balancer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from ._balancer import MachineBalancerTarget, address
from ._baseline import Baseline
from ._installation import program
from ._program import Launch
from .base import ProviderAt

ADVICE: Final = "apt-get install haproxy, or your system's own way"
RETRY_ON: Final = "conn-failure empty-response junk-response response-timeout 401 403 500 502 503 504"
"""HAProxy 2.6 knows no retry upon 400 or 429."""


class HAProxyTarget(MachineBalancerTarget):
    """The machine's own HAProxy: the first provider with room, one further try at each of the others."""

    name: ClassVar[str] = "haproxy"
    advice: ClassVar[str] = ADVICE

    def render(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int, home: Path) -> Launch:
        """A configuration file, and HAProxy in the foreground."""
        servers = [f"  server {name} {host}:{at}" for name, (host, at) in self._addresses(providers).items()]
        lines = [
            "global",
            "  maxconn 4096",
            "defaults",
            "  mode http",
            "  option http-buffer-request",
            "  timeout connect 1s",
            f"  timeout client {2 * base.timeout_ms}ms",
            f"  timeout server {base.timeout_ms}ms",
            "frontend front",
            f"  bind 127.0.0.1:{port}",
            "  default_backend providers",
            "backend providers",
            "  balance first",
            f"  retries {len(providers) - 1}",
            "  option redispatch 1",
            f"  retry-on {RETRY_ON}",
            *servers,
        ]
        first = next(iter(providers.values()))
        return Launch(
            command=[program("haproxy", ADVICE), "-db", "-f", str(home / "haproxy.cfg")],
            base_url=f"http://127.0.0.1:{port}/v1",
            model=first.model,
            api_key=first.key,
            files={"haproxy.cfg": "\n".join([*lines, ""])},
            departures=[
                f"timeout server {base.timeout_ms} ms (default: none)",
                f"retries {len(providers) - 1} (default 3), option redispatch 1 (default off)",
                f"retry-on {RETRY_ON} (default: conn-failure)",
                "balance first (default roundrobin), option http-buffer-request (default off)",
            ],
        )

    @staticmethod
    def _addresses(providers: Mapping[str, ProviderAt]) -> dict[str, tuple[str, int]]:
        return {name: address(each) for name, each in providers.items()}


TARGET = HAProxyTarget
