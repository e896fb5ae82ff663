"""What `banstorm record` does: a proxy on loopback in front of each real API, and a file of what they said."""

from __future__ import annotations

import asyncio
import ipaddress
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
import httpx

from ..fakes import dialects
from ..fakes.app import ASGIApp
from ..fakes.serve import LOOPBACK, PortTakenError, serve
from .command_serve import address_lines
from .errors import HarnessError
from .exitcode import Exit
from .interruption import when_told_to_end
from .plan import parse_ports
from .record_proxy import RecordingProxy
from .tape import RECORDED, Tape

PORT_MAX: Final = 65_535
"""Highest port that TCP has."""
UPSTREAMS_MAX: Final = 32
"""Most APIs that are recorded at once."""


def play(*, upstreams: tuple[str, ...], out: Path, ports: str, allow_network: bool, keep_prompts: bool) -> int:
    """Record until Ctrl-C or SIGTERM, and give the exit code.

    Args:
        upstreams: The real APIs, each as ``openai=https://api.openai.com``.
        out: The file to write.
        ports: Fixed ports, as ``anthropic=9101,openai=9102``.
        allow_network: Whether addresses beyond loopback may be called.
        keep_prompts: Whether requests' bodies are written as well.

    Raises:
        HarnessError: when an address, a port or the file can't be used.
    """
    chosen = _upstreams(upstreams, allow_network=allow_network)
    fixed = parse_ports(ports)
    if strange := sorted(fixed.keys() - chosen.keys()):
        raise HarnessError(
            f"a port for {strange[0]!r}, which isn't recorded", "--ports", f"recorded are {', '.join(chosen)}"
        )
    tape = Tape(out)
    loop_factory = None
    if sys.platform != "win32":
        import uvloop

        loop_factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_record(chosen, fixed, tape, out, keep_prompts=keep_prompts))
    except BaseException:
        tape.close()
        if not tape.fates:
            out.unlink(missing_ok=True)  # nothing was heard yet, and the next try shall find its way free
        raise
    tape.close()
    if not tape.fates[RECORDED]:
        out.unlink(missing_ok=True)  # there is nothing to play in it, and the next try shall find its way free
    return Exit.PASS


def _upstreams(words: tuple[str, ...], *, allow_network: bool) -> dict[str, httpx.URL]:
    if not words:
        raise HarnessError(
            "nothing to record", "the command line", "name an API: --upstream openai=https://api.openai.com"
        )
    if len(words) > UPSTREAMS_MAX:
        raise HarnessError(f"more than {UPSTREAMS_MAX} APIs", "--upstream", "record some of them at a time")
    chosen: dict[str, httpx.URL] = {}
    for word in words:
        name, _, address = word.partition("=")
        try:
            dialect = dialects.find(name)
        except dialects.UnknownDialectError as error:
            raise HarnessError(
                str(error), "--upstream", "write NAME=URL; `banstorm list dialects` has the names"
            ) from error
        if name in chosen:
            raise HarnessError(f"{name!r} stands twice", "--upstream", "give each provider one address")
        chosen[name] = _url(name, address, dialect.base_path, allow_network=allow_network)
    return chosen


def _url(name: str, address: str, base_path: str, *, allow_network: bool) -> httpx.URL:
    where = f"--upstream {name}=…"
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise HarnessError(f"no URL: {error}", where, "write it as https://api.example.com") from error
    if url.userinfo or url.query or url.fragment:
        raise HarnessError(
            "a URL with more than an address", where, "leave out user, password, query and fragment: callers bring keys"
        )
    if url.scheme not in {"http", "https"} or not url.host:
        raise HarnessError("no web address", where, "write it as https://api.example.com")
    if url.port is not None and not 1 <= url.port <= PORT_MAX:
        raise HarnessError(f"no port: {url.port}", where, f"ports go from 1 to {PORT_MAX}")
    if not is_loopback(url.host) and not allow_network:
        raise HarnessError(
            f"{url.host} is outside of this machine, and banstorm calls nothing there by itself",
            where,
            "add --allow-network if callers' requests and keys may be sent there",
        )
    # an SDK's base URL has the API's path in it, and so have the requests
    path = url.path.rstrip("/")
    return url.copy_with(path=path.removesuffix(base_path) if base_path else path)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _record(
    chosen: dict[str, httpx.URL], fixed: dict[str, int], tape: Tape, out: Path, *, keep_prompts: bool
) -> None:
    stopped = asyncio.Event()
    when_told_to_end(stopped.set)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    async with (
        # proxies of the environment are for the network, not for this machine
        httpx.AsyncClient(limits=limits, follow_redirects=False, trust_env=True) as beyond,
        httpx.AsyncClient(limits=limits, follow_redirects=False, trust_env=False) as here,
    ):
        apps: dict[str, tuple[ASGIApp, int]] = {}
        for name, url in chosen.items():
            client = here if is_loopback(url.host) else beyond
            proxy = RecordingProxy(name, url, tape, client, keep_prompts=keep_prompts, tell=click.echo)
            apps[name] = (proxy, fixed.get(name, 0))
        try:
            servers = await serve(apps)
        except PortTakenError as error:
            raise HarnessError(
                f"port {error.port} is taken",
                f"{LOOPBACK}:{error.port}",
                "free it, choose another, or leave --ports out and any free one is taken",
            ) from error
        click.echo(page(chosen, servers.ports, out, keep_prompts=keep_prompts))
        await stopped.wait()
        await servers.stop()
    click.echo(summary(tape.fates, out))


def page(chosen: Mapping[str, httpx.URL], ports: Mapping[str, int], out: Path, *, keep_prompts: bool) -> str:
    """What is printed at first: where to send requests, and what will be in the file.

    Args:
        chosen: The real APIs.
        ports: The port of each proxy.
        out: The file that is written.
        keep_prompts: Whether requests' bodies are written as well.
    """
    kept = "prompts and answers" if keep_prompts else "answers, and of prompts a fingerprint,"
    lines = [f"# banstorm records {kept} in {out}, without credentials. Use your own keys."]
    for name, url in chosen.items():
        root = f"http://{LOOPBACK}:{ports[name]}"
        dialect = dialects.find(name)
        lines += ["", f"# {name}: {root}{dialect.base_path} goes to {url}", *address_lines(name, dialect, root)]
    return "\n".join([*lines, "", "# Ctrl-C ends it"])


def summary(fates: Mapping[str, int], out: Path) -> str:
    """What is printed in the end: what became of the exchanges, and how they are played.

    Args:
        fates: How many exchanges had each fate.
        out: The file that was written.
    """
    lines = [f"{count} {fate}" for fate, count in fates.items()] or ["nothing was recorded: no request came"]
    play_it = f"play it: banstorm serve --replay {shlex.quote(str(out))}"
    return "\n".join([*lines, play_it if fates.get(RECORDED) else f"no recording is left: {out}"])
