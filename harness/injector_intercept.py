"""The injector as a forward proxy, for a router whose base URLs can't be changed: TLS is ended here, hosts are fakes.

A router sends ``CONNECT api.openai.com:443``, is let through to itself so to speak: the tunnel ends here, the
certificate is our authority's, and what comes out of it is an attempt at the provider that the host stands for, like
one at that provider's own listener. A host that stands for none is refused and written down. Nothing is ever called
but the fakes: the address of each request is replaced by its fake's before it is followed, and `server_connect` lets
no other pass.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from mitmproxy.http import Response
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy.layers import ClientTLSLayer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.mode_specs import RegularMode
from OpenSSL import SSL

from .injector_addon import InjectorAddon
from .injector_shared import StreamExchange, WatchedLayer
from .intercept_authority import TooManyHostsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Mapping

    from mitmproxy.connection import Client
    from mitmproxy.http import HTTPFlow
    from mitmproxy.proxy.layer import NextLayer
    from mitmproxy.proxy.server_hooks import ServerConnectionHookData
    from mitmproxy.tls import TlsData

    from .faults.plan import Plan
    from .faults.tls_broken import Flaw
    from .injector_exchange import Exchange
    from .injector_flaws import Flaws
    from .injector_master import LeanMaster
    from .injector_refusals import Refusals
    from .intercept_authority import Authority
    from .intercept_hosts import HostMap
    from .witness import Witness

LOOPBACK: Final = "127.0.0.1"
CONNECT_S_MAX: Final = 60.0
"""Seconds for which a proxy tries to reach an unreachable host before it says 504, as proxies do by default."""
DOOR_S: Final = 0.02
"""Seconds between two looks whether a provider can be reached again."""
AT_ONCE_MAX: Final = 1000
"""Requests that one connection may have at a provider at once; mitmproxy's own bound of 5 would queue HTTP/2 calls."""
_PROVIDER: Final = "banstorm_provider"
_GIVEN_UP: Final = "banstorm_given_up"


@dataclass(slots=True)
class Tunnel:
    """What a CONNECT has opened: to which host and provider, with which flaw, and whether a request came through."""

    provider: str
    host: str
    port: int
    flaw: Flaw | None = None
    tls: bool = False
    used: bool = False


class InterceptAddon(InjectorAddon):
    """Plays the timeline on what comes through the proxy, too.

    Args:
        witness: begins and ends attempts.
        provider_of: the provider behind each of our own listening ports.
        proxy: the connections behind the flows.
        upstreams: the fake's port of each provider.
        hosts: the provider behind each host.
        authority: signs the hosts' certificates.
        flaws: what is wrong with TLS, and which doors are shut, at this moment.
        refusals: takes down what is refused, and tells what the user should know.
    """

    further_hooks = (
        "client_connected",
        "http_connect",
        "tls_start_client",
        "tls_failed_client",
        "server_connect",
    )

    def __init__(
        self,
        witness: Witness,
        provider_of: Mapping[int, str],
        proxy: LeanMaster,
        *,
        upstreams: Mapping[str, int],
        hosts: HostMap,
        authority: Authority,
        flaws: Flaws,
        refusals: Refusals,
    ) -> None:
        super().__init__(witness, provider_of, proxy)
        self._master = proxy
        self._upstreams = upstreams
        self._hosts = hosts
        self._authority = authority
        self._flaws = flaws
        self._refusals = refusals
        self._tunnels: dict[str, Tunnel] = {}
        self._waiting: dict[str, asyncio.Event] = {}
        self._ends = frozenset((LOOPBACK, port) for port in upstreams.values())

    # connections

    def client_connected(self, client: Client) -> None:
        """Let an HTTP/2 connection have many requests at a provider at once: each takes a connection of its own."""
        handler = self._master.core.connections[client.id]
        handler.max_conns = defaultdict(lambda: asyncio.Semaphore(AT_ONCE_MAX))

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Whatever goes wrong elsewhere: no connection is opened but to a fake."""
        if data.server.address not in self._ends:
            data.server.error = "banstorm calls nobody but its fakes"

    def client_disconnected(self, client: Client) -> None:
        """Nobody waits any more for what is held back, or for a host that can't be reached."""
        super().client_disconnected(client)
        if (waiting := self._waiting.get(client.id)) is not None:
            waiting.set()
        tunnel = self._tunnels.pop(client.id, None)
        if tunnel is not None and tunnel.tls and not tunnel.used and tunnel.flaw is None and not self._stopping:
            self._refusals.unused(tunnel.host)

    def next_layer(self, nextlayer: NextLayer) -> None:
        """A proxy's connection speaks HTTP; a tunnel TLS, or HTTP at once; inside TLS there is HTTP."""
        context = nextlayer.context
        if not isinstance(context.client.proxy_mode, RegularMode):
            super().next_layer(nextlayer)
        elif len(context.layers) == 1:
            nextlayer.layer = HttpLayer(context, HTTPMode.regular)
        elif isinstance(context.layers[-1], ClientTLSLayer):
            nextlayer.layer = WatchedLayer(context, self._given_up)
        elif len(data := nextlayer.data_client()) > 2:  # else not enough has come to tell
            tls = starts_like_tls_record(data)
            nextlayer.layer = ClientTLSLayer(context) if tls else WatchedLayer(context, self._given_up)

    def http_connect(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """Open a tunnel to ourselves, if the host stands for a provider that can be reached."""
        host, port = flow.request.host, flow.request.port
        provider = self._hosts.provider(host, port)
        if provider is None:
            self._refuse(flow, host, port, "connect")
            return None
        door = self._flaws.door(provider)
        if door == "unreachable":
            return self._unreachable(flow, provider)
        if door == "refused":
            flow.response = _gateway(502, f"{host}:{port} refuses connections")
        else:
            self._tunnels[flow.client_conn.id] = Tunnel(provider, host, port)
        return None

    async def _unreachable(self, flow: HTTPFlow, provider: str) -> None:
        """Answer once the host can be reached, or the router or the proxy has given up."""
        left = self._waiting[flow.client_conn.id] = asyncio.Event()
        until_s = time.monotonic() + CONNECT_S_MAX
        try:
            while self._flaws.door(provider) == "unreachable" and not left.is_set() and time.monotonic() < until_s:
                try:
                    await asyncio.wait_for(left.wait(), DOOR_S)
                except TimeoutError:
                    continue
        finally:
            del self._waiting[flow.client_conn.id]
        if left.is_set():
            flow.response = _gateway(504, "nobody waits any more")
        elif self._flaws.door(provider) is not None:
            flow.response = _gateway(504, f"{flow.request.host}:{flow.request.port} did not answer")
        else:
            self._tunnels[flow.client_conn.id] = Tunnel(provider, flow.request.host, flow.request.port)

    # TLS

    def tls_start_client(self, data: TlsData) -> None:
        """Show a certificate of the host's, or what the timeline wants to be wrong with it."""
        tunnel = self._tunnels[data.conn.id]
        named = data.conn.sni
        known = named and self._hosts.provider(named, tunnel.port) == tunnel.provider
        host = (named if known else tunnel.host).lower().rstrip(".")
        tunnel.tls = True
        tunnel.flaw = self._flaws.handshake(tunnel.provider)
        try:
            context = self._authority.context(host, tunnel.flaw)
        except TooManyHostsError:
            context = SSL.Context(SSL.TLS_SERVER_METHOD)  # it has no certificate, so that the handshake fails
        data.ssl_conn = SSL.Connection(context)
        data.ssl_conn.set_accept_state()
        if tunnel.flaw == "reset":
            self._master.reset_now(data.conn)
        if tunnel.flaw in {"reset", "close"}:
            self._master.close_client(data.conn)

    def tls_failed_client(self, data: TlsData) -> None:
        """Send the alert that says why, which mitmproxy keeps to itself; tell of a router that doesn't trust us."""
        tunnel = self._tunnels.get(data.conn.id)
        try:
            alert = data.ssl_conn.bio_read(4096)
        except SSL.Error:
            alert = b""
        if alert:
            self._master.write_raw(data.conn, alert)
        if tunnel is not None and tunnel.flaw is None and "alert" in (data.conn.error or ""):
            self._refusals.untrusted(tunnel.host, data.conn.error)
            tunnel.used = True  # told already

    # requests

    def request(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """Decide about the request, if its host stands for a provider."""
        if isinstance(flow.client_conn.proxy_mode, RegularMode):
            tunnel = self._tunnels.get(flow.client_conn.id)
            if tunnel is None:
                host, port = flow.request.host, flow.request.port
                provider = self._hosts.provider(host, port)
            else:
                provider = tunnel.provider
                self._note_use(tunnel)
            if provider is None:
                self._refuse(flow, host, port, "plain")
                return None
            flow.metadata[_PROVIDER] = provider
            request = flow.request.data  # its properties would rewrite the headers, too
            request.host, request.port, request.scheme = LOOPBACK, self._upstreams[provider], b"http"
            if flow.request.is_http2 and request.content and "content-length" not in request.headers:
                request.headers["content-length"] = str(len(request.content))  # HTTP/2 needs none, the fake does
        return super().request(flow)

    def _note_use(self, tunnel: Tunnel) -> None:
        if not tunnel.used:
            tunnel.used = True
            self._refusals.trusted(tunnel.host)
            if tunnel.flaw is not None:
                self._refusals.accepted(tunnel.host, tunnel.flaw)

    def _provider(self, flow: HTTPFlow) -> str:
        provider: str | None = flow.metadata.get(_PROVIDER)
        return super()._provider(flow) if provider is None else provider

    def _exchange(self, flow: HTTPFlow, plan: Plan) -> Exchange:
        if flow.client_conn.alpn == b"h2":
            return StreamExchange(flow, plan, self._witness, self._master)
        return super()._exchange(flow, plan)

    def _has_left(self, flow: HTTPFlow) -> bool:
        return super()._has_left(flow) or _GIVEN_UP in flow.metadata

    def _finish(self, exchange: Exchange) -> None:
        super()._finish(exchange)
        tunnel = self._tunnels.get(exchange.flow.client_conn.id)
        if tunnel is not None and tunnel.flaw is None and self._flaws.is_broken(tunnel.provider):
            exchange.flow.response.headers["connection"] = "close"  # the next request shall need a handshake

    def _refuse(self, flow: HTTPFlow, host: str, port: int, way: str) -> None:
        shown = self._refusals.add(host, port, way)
        text = (
            f"banstorm: {shown} stands for no provider of this run, so this was refused and nothing left this machine. "
            f"Map it with --map {shown}=PROVIDER, or name it in NO_PROXY if the router shall call it."
        )
        flow.response = Response.make(403, text, {"content-type": "text/plain; charset=utf-8"})
        flow.response.reason = f"Forbidden by banstorm: {shown} is no provider"  # all that most clients show

    # what ends connections

    def break_off(self, provider: str, entry: str) -> None:
        """An entry has shut the provider's door: tunnels to it end, too."""
        super().break_off(provider, entry)
        for client in self._clients(provider):
            self._master.reset_now(client)

    def close_idle(self, provider: str) -> None:
        """Close tunnels to a provider through which nothing is under way, so that routers shake hands again."""
        busy = {exchange.flow.client_conn.id for exchange in self._open.values()}
        for client in self._clients(provider):
            if client.id not in busy:
                self._master.close_client(client)

    def _clients(self, provider: str) -> Iterator[Client]:
        for client_id, tunnel in list(self._tunnels.items()):
            if tunnel.provider == provider and (handler := self._master.core.connections.get(client_id)) is not None:
                yield handler.client

    def _given_up(self, flow: HTTPFlow) -> None:
        """The router has cancelled a request, perhaps one of several: nobody waits for its answer any more."""
        exchange = self._open.get(flow.id)
        if exchange is not None:
            flow.metadata[_GIVEN_UP] = True
            exchange.release()


def _gateway(status: int, what: str) -> Response:
    """What a proxy says of a host that it can't reach."""
    response = Response.make(status, f"{what}\n", {"content-type": "text/plain; charset=utf-8"})
    response.reason = HTTPStatus(status).phrase
    return response
