"""The intercepting proxy of an injector, put together: authority, hosts, addon. Loaded only when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .injector_flaws import Flaws
from .injector_intercept import InterceptAddon
from .injector_refusals import Refusals
from .intercept_authority import Authority
from .intercept_environment import write_files
from .intercept_hosts import HostMap

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from ..scenarios.model import Scenario
    from .faults.timeline import Timeline
    from .injector_master import LeanMaster
    from .ledger import Ledger
    from .witness import Witness


class Front:
    """What an injector needs to be a forward proxy.

    Args:
        config: ``hosts`` (name to provider) and ``folder`` (where the certificates are put).
        upstreams: the fake's port of each provider.
        scenario: whose timeline is played.
        timeline: plays it.
        ledger: takes down what is refused.

    Raises:
        HarnessError: when the certificates can't be written.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        upstreams: Mapping[str, int],
        scenario: Scenario,
        timeline: Timeline,
        ledger: Ledger,
    ) -> None:
        self._upstreams = upstreams
        self._hosts = HostMap(config["hosts"])
        self._authority = Authority(config["hosts"])
        self._flaws = Flaws(scenario, timeline)
        self._refusals = Refusals(ledger)
        self._addon: InterceptAddon | None = None
        self._files = write_files(Path(config["folder"]), self._authority.pem)

    def addon(self, witness: Witness, provider_of: Mapping[int, str], proxy: LeanMaster) -> InterceptAddon:
        """The addon that plays the timeline at the providers' own listeners and at the proxy."""
        self._addon = InterceptAddon(
            witness,
            provider_of,
            proxy,
            upstreams=self._upstreams,
            hosts=self._hosts,
            authority=self._authority,
            flaws=self._flaws,
            refusals=self._refusals,
        )
        return self._addon

    async def open(self, listener: socket.socket, proxy: LeanMaster) -> dict[str, Any]:
        """Listen, once `proxy` has begun; gives what the harness is to be told of it."""
        authority, bundle = self._files
        await proxy.intercept(listener)
        return {"port": listener.getsockname()[1], "authority": str(authority), "bundle": str(bundle)}

    def close(self) -> None:
        """Tell what came of it."""
        self._refusals.close()

    async def follow(self) -> None:
        """Make routers shake hands again whenever handshakes begin to fail, until cancelled."""
        if self._addon is not None:
            await self._flaws.follow(self._addon.close_idle)
