"""The injector: mitmproxy between router and providers, playing the timeline. A child process of the harness.

One reverse listener a provider. The sockets are ours, opened before mitmproxy is loaded: a taken port is known at
once, two listeners may both ask for any free port, and nothing listens outside loopback. mitmproxy serves what they
accept, with no addon but its proxy core and ours: no flow store, no dumper, no certificate authority.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
import tempfile
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..fakes.dialects import find
from ..scenarios.model import Scenario
from .child import read_config, say
from .faults.timeline import Timeline
from .lag import Heartbeat
from .ledger import Ledger
from .serving import keep_books, run, until_stopped
from .witness import Witness

if TYPE_CHECKING:
    from mitmproxy.connection import Client

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 1024
"""Connections that may wait to be accepted at one listener."""
BODY_LIMIT: Final = "64m"
"""Largest body that mitmproxy holds; above the largest request of any dialect, so that the vendor's own cap speaks."""
STOP_S: Final = 1.0
"""Seconds mitmproxy and its connections get to end."""


class _Crashes(logging.Handler):
    """What goes wrong inside mitmproxy or a hook would only be logged; here it is counted and told."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        print(logging.Formatter().format(record), file=sys.stderr)  # noqa: T201 - a child's standard error is its log


def open_listeners(ports: dict[str, int]) -> dict[str, socket.socket]:
    """A listening socket for each provider on its port, 0 for any.

    Raises:
        OSError: when a port can't be had; `filename` is the port.
    """
    listeners: dict[str, socket.socket] = {}
    for provider, port in ports.items():
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            for opened in listeners.values():
                opened.close()
            raise OSError(error.errno, error.strerror, f"{LOOPBACK}:{port}") from error
        listener.settimeout(0)
        listeners[provider] = listener
    return listeners


async def _serve(config: dict[str, Any]) -> int:
    try:
        listeners = open_listeners({name: config["ports"].get(name, 0) for name in config["upstreams"]})
    except OSError as error:
        say(
            "failed",
            what=f"the injector can't listen: {error.strerror}",
            where=str(error.filename),
            next="free the port, or leave --ports out and any free one is taken",
        )
        return 1
    from mitmproxy import master, options
    from mitmproxy.addons.proxyserver import Proxyserver
    from mitmproxy.proxy.mode_servers import ServerInstance

    from .injector_addon import InjectorAddon

    scenario = Scenario.model_validate(config["scenario"])
    dialects = {name: find(provider.dialect) for name, provider in scenario.providers.items()}
    timeline = Timeline(scenario, run=config["run"], seed=config["seed"], dialects=dialects)
    ledger = Ledger(Path(config["ledger"]), "injector")
    witness = Witness(timeline, ledger, dialects)
    crashes = _Crashes()
    heartbeat = Heartbeat()
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}

    with tempfile.TemporaryDirectory(prefix="banstorm-") as confdir:
        proxy = master.Master(options.Options(confdir=confdir, server=False))
        logging.getLogger().addHandler(crashes)
        logging.disable(logging.INFO)  # mitmproxy logs every connection; building the messages costs time
        core = Proxyserver()

        def close(client: Client) -> None:
            if (handler := core.connections.get(client.id)) is not None and client in handler.transports:
                handler.close_connection(client)

        addon = InjectorAddon(witness, {port: name for name, port in ports.items()}, close)
        proxy.addons.add(core, addon)
        proxy.options.update(
            connection_strategy="lazy",  # a request that never reaches the provider opens no connection to it
            body_size_limit=BODY_LIMIT,
            keep_host_header=True,
            validate_inbound_headers=False,  # what a router sends is to be seen, not to be judged
            http2=False,
            rawtcp=False,
            websocket=False,
        )
        running = asyncio.create_task(proxy.run())
        servers = []
        connections: set[asyncio.Task[None]] = set()
        for provider, listener in listeners.items():
            upstream = f"http://{LOOPBACK}:{config['upstreams'][provider]}"
            mode = ServerInstance.make(f"reverse:{upstream}@{LOOPBACK}:{ports[provider]}", core)
            accept = partial(_accept, mode.handle_stream, connections)
            servers.append(await asyncio.start_server(accept, sock=listener, backlog=BACKLOG))
        tasks = [
            asyncio.create_task(heartbeat.run()),
            asyncio.create_task(keep_books(ledger, "injector", heartbeat)),
            asyncio.create_task(witness.report()),
        ]
        gc.collect()
        gc.freeze()  # what is loaded by now stays; a full collection then looks at flows only
        say("ready", ports=ports)
        await until_stopped(timeline.start)
        for server in servers:
            server.close()
        for task in tasks:
            task.cancel()
        addon.stop()
        witness.close()
        ledger.close()
        for handler in list(core.connections.values()):
            close(handler.client)
        proxy.shutdown()
        await asyncio.wait({running, *connections}, timeout=STOP_S)
    return 1 if crashes.count else 0


def _accept(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
    connections: set[asyncio.Task[None]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    task = asyncio.create_task(handle(reader, writer))
    connections.add(task)
    task.add_done_callback(connections.discard)


if __name__ == "__main__":
    run(_serve(read_config()))
