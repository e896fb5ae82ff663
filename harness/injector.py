"""The injector: mitmproxy between router and providers, playing the timeline. A child process of the harness.

One reverse listener a provider. The sockets are ours: a taken port is told as such, two listeners may both ask for any
free port, and nothing listens outside loopback. Importing this module loads mitmproxy; nothing but its process does.
"""

from __future__ import annotations

import logging
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..fakes.dialects import find
from ..scenarios.model import Scenario
from .child import read_config, say
from .doors import Doors
from .errors import HarnessError
from .faults.timeline import Timeline
from .injector_addon import InjectorAddon
from .injector_master import BACKLOG, LeanMaster
from .lag import Heartbeat
from .ledger import Ledger
from .serving import Crashes, background, keep_books, run, spare_collector, until_stopped
from .witness import Witness

if TYPE_CHECKING:
    from .injector_front import Front

LOOPBACK: Final = "127.0.0.1"
PROXY: Final = ""
"""The forward proxy's name among the listeners; no provider has it."""


def open_listeners(ports: Mapping[str, int]) -> dict[str, socket.socket]:
    """A listening socket on 127.0.0.1 for each provider, at its port (0: any).

    Raises:
        OSError: when a port can't be had; `filename` is the address.
    """
    listeners: dict[str, socket.socket] = {}
    for provider, port in ports.items():
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.settimeout(0)
        listeners[provider] = listener
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(BACKLOG)  # at once: until somebody listens, others that reuse addresses may still take it
        except OSError as error:
            for opened in listeners.values():
                opened.close()
            raise OSError(error.errno, error.strerror, f"{LOOPBACK}:{port}") from error
    return listeners


def _front(config: dict[str, Any], scenario: Scenario, timeline: Timeline, ledger: Ledger) -> Front | None:
    """The forward proxy, if one is asked for."""
    if config.get("intercept") is None:
        return None
    from .injector_front import Front  # TLS and an authority: nobody else shall pay for them

    return Front(config["intercept"], config["upstreams"], scenario, timeline, ledger)


def _listen(config: dict[str, Any]) -> dict[str, socket.socket]:
    wanted = {name: config["ports"].get(name, 0) for name in config["upstreams"]}
    if (intercept := config.get("intercept")) is not None:
        wanted[PROXY] = intercept["port"]
    try:
        return open_listeners(wanted)
    except OSError as error:
        raise HarnessError(
            f"the injector can't listen: {error.strerror}",
            str(error.filename),
            "free the port, or leave --ports and --proxy-port out and any free one is taken",
        ) from error


async def _serve(config: dict[str, Any]) -> int:
    try:
        return await _play(config)
    except HarnessError as error:
        say("failed", what=error.what, where=error.where, next=error.advice)
        return 1


async def _play(config: dict[str, Any]) -> int:
    upstreams: dict[str, int] = config["upstreams"]
    listeners = _listen(config)
    entrance = listeners.pop(PROXY, None)
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
    scenario = Scenario.model_validate(config["scenario"])
    providers = {name: scenario.providers[name] for name in upstreams}
    dialects = {name: find(each.dialect, each.service) for name, each in providers.items()}
    timeline = Timeline(scenario, run=config["run"], seed=config["seed"], dialects=dialects)
    ledger = Ledger(Path(config["ledger"]), "injector")
    witness = Witness(timeline, ledger, dialects)
    heartbeat = Heartbeat()
    crashes = Crashes()

    with tempfile.TemporaryDirectory(prefix="banstorm-") as confdir:
        proxy = LeanMaster(confdir)
        logging.getLogger().addHandler(crashes)
        logging.disable(logging.INFO)  # mitmproxy logs every connection, and building the messages costs time
        provider_of = {port: name for name, port in ports.items()}
        front = _front(config, scenario, timeline, ledger)
        addon = (front.addon if front else InjectorAddon)(witness, provider_of, proxy)
        await proxy.begin(addon, upstreams, listeners, timeline.doors)

        def abort(provider: str, entry: str) -> None:
            addon.break_off(provider, entry)
            proxy.reset_port(ports[provider])

        doors = Doors(timeline, proxy.doors, abort)

        def start(t0_ns: int) -> None:
            timeline.start(t0_ns)
            doors.start()

        tasks = [
            background(heartbeat.run()),
            background(keep_books(ledger, "injector", heartbeat)),
            background(witness.report()),
        ]
        spare_collector()
        if front is not None and entrance is not None:
            tasks.append(background(front.follow()))
            say("ready", ports=ports, proxy=await front.open(entrance, proxy))
        else:
            say("ready", ports=ports)
        await until_stopped(start)
        doors.stop()
        for task in tasks:
            task.cancel()
        addon.stop()
        if front is not None:
            front.close()
        witness.close()
        ledger.close()
        await proxy.end()
    if crashes.count:
        say("crashed", count=crashes.count)
        return 1
    return 0


if __name__ == "__main__":
    run(_serve(read_config()))
