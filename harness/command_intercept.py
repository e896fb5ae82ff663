"""What `banstorm intercept` does: the fakes behind an HTTPS proxy, for a person's own programs, until Ctrl-C.

The vendors keep their names and addresses; a program that is started with the printed environment calls the fakes.
With a scenario, `--play` plays its timeline from the first request on.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import secrets
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from ..fakes import dialects
from ..scenarios import library
from ..scenarios.model import Scenario
from ..scenarios.problems import ScenarioError, nearest
from . import events, faults
from . import intercept as interception
from .command_run import need
from .errors import ChildFailedError, HarnessError
from .exitcode import Exit
from .faults.base import Host
from .intercept import Interception
from .intercept_environment import NOTES, Door, export_lines
from .intercept_hosts import HostMap
from .interruption import when_told_to_end
from .launch import Child, allow_files
from .lines import tell
from .narrate import narrate
from .registry import registry

SLIP_LIKENESS: Final = 0.75
"""From which likeness on, 0 to 1, a word is a vendor's name with a slip of the pen."""
SEED: Final = 1
"""Seed of what varies, where no scenario says another."""
LEAD_S: Final = 0.05
"""Seconds between the first request and the timeline's time 0: both children must have heard of it."""
_WINDOWS: Final = {"armed": events.FaultArmed, "bite": events.FaultBit, "disarmed": events.FaultDisarmed}


def play(words: tuple[str, ...], asked: Interception, *, plays: bool, out: Path | None) -> int:
    """Intercept until Ctrl-C or SIGTERM, and give the exit code.

    Args:
        words: A scenario, or the vendors to stand in for; none for every vendor.
        asked: Hosts and port.
        plays: Whether the scenario's timeline is played, from the first request on.
        out: Folder to keep the ledger in; a new one. Without it nothing is kept.

    Raises:
        HarnessError: when something can't be had, or something of ours fails.
        ScenarioError: when the scenario can't be used.
    """
    need(("mitmproxy",), "lab")
    scenario = _scenario(words)
    if plays:
        _check(scenario)
    hosts = asked.hosts(scenario)
    with _folder(out) as folder:
        session = _Session(scenario, asked, hosts, folder, plays=plays)
        asyncio.run(session.run())
    return Exit.PASS


def _scenario(words: tuple[str, ...]) -> Scenario:
    """The scenario of that name, or one of nothing but these vendors."""
    if len(words) == 1 and words[0] not in dialects.names():
        return library.load(_found(words[0]), registry())
    for word in words:
        if word not in dialects.names():
            advice = f"name vendors ({', '.join(dialects.names())}), or one scenario"
            raise HarnessError(f"no vendor is called {word!r}", "the command line", advice)
    return Scenario.model_validate(
        {
            "version": 1,
            "title": "Interception",
            "story": "Nothing happens.",
            "source": "banstorm intercept",
            "seed": SEED,
            "providers": {name: {"dialect": name, "model": "any"} for name in words or dialects.names()},
            "load": {"rate": "1/s", "duration": "1s"},
            "expect": {"lost_calls": 0},
        }
    )


def _found(word: str) -> Path:
    """The file of a scenario; a slip in a vendor's name is told as such."""
    try:
        return library.find(word)
    except ScenarioError as error:
        if not difflib.get_close_matches(word, dialects.names(), n=1, cutoff=SLIP_LIKENESS):
            raise
        what = f"neither a scenario nor a vendor is called {word!r}"
        raise HarnessError(what, "the command line", nearest(word, dialects.names(), "")) from error


def _check(scenario: Scenario) -> None:
    """Whether the timeline can be played here."""
    if not scenario.timeline:
        raise HarnessError("there is no timeline to play", "--play", "name a scenario, or leave --play out")
    for index, entry in enumerate(scenario.timeline):
        for name in entry.on if entry.fault is not None else ():
            dialect = dialects.find(scenario.providers[name].dialect, scenario.providers[name].service)
            for reason in faults.refusals(entry.fault or "", dialect, Host.MITMPROXY, tls=True):
                raise HarnessError(reason, f"timeline[{index}].fault", "take it out, or leave --play out")


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is None:
        with tempfile.TemporaryDirectory(prefix="banstorm-intercept-") as folder:
            yield Path(folder)
        return
    try:
        out.mkdir(parents=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise HarnessError(f"the folder can't be made: {reason}", str(out), "name one that isn't there yet") from error
    yield out


@dataclass
class _Session:
    """The fakes and the proxy, from their start to their end."""

    scenario: Scenario
    asked: Interception
    hosts: HostMap
    folder: Path
    plays: bool
    t0_ns: int | None = None
    _children: dict[str, Child] = field(default_factory=dict)
    _stats: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _called: asyncio.Event = field(default_factory=asyncio.Event)
    _broken: str | None = None
    _logins: Mapping[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Until the user ends it.

        Raises:
            ChildFailedError: when a process of ours ends by itself.
        """
        when_told_to_end(self._stopped.set)
        allow_files()
        beginning = asyncio.create_task(self._begin_when_called())
        try:
            door = await self._start()
            self._print(page(self.hosts, door, plays=self.plays, logins=self._logins))
            await self._stopped.wait()
        finally:
            beginning.cancel()
            await asyncio.gather(*(child.stop() for child in self._children.values()))
        if self._broken is not None:
            raise ChildFailedError(self._broken, str(self.folder / "logs"), "keep it with --out, and read its log")
        self._print(self._summary())

    async def _start(self) -> Door:
        fakes = self._child("fakes", "banstorm.harness.fakes_host")
        injector = self._child("injector", "banstorm.harness.injector")
        await asyncio.gather(fakes.spawn(), injector.spawn())
        common = {
            "run": secrets.token_hex(3),
            "seed": self.scenario.seed,
            "ledger": str((self.folder / "ledger").resolve()),
            "scenario": self.scenario.model_dump(mode="json", by_alias=True),
            "ports": dict.fromkeys(self.scenario.providers, 0),
        }
        begun = await fakes.configure(common | {"inline": False})
        ports, self._logins = begun["ports"], begun["logins"]
        certificates = self.folder / interception.FOLDER
        asked = interception.config(self.asked, self.hosts, certificates)
        ready = await injector.configure(common | {"upstreams": ports} | asked)
        door = interception.door(ready)
        assert door  # noqa: S101 - it was asked for
        return door

    def _child(self, name: str, module: str) -> Child:
        child = Child(name, module, self.folder / "logs" / f"{name}.log")
        child.on_event = self._heard
        child.on_exit = lambda _: self._exited(child)
        self._children[name] = child
        return child

    def _exited(self, child: Child) -> None:
        if not child.stopping:
            self._broken = f"the {child.name} {child.end}: {child.tail() or 'it said nothing'}"
            self._stopped.set()

    def _heard(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "stats" and "providers" in event:
            self._stats = event["providers"]
            if any(each["attempts"] for each in self._stats.values()):
                self._called.set()
        elif kind == "warning":
            self._tell(events.Warned(self._now_s(), str(event.get("what"))))
        elif kind in _WINDOWS:
            self._tell(_WINDOWS[kind](self._now_s(event.get("at_ns")), str(event["entry"]), str(event["provider"])))

    async def _begin_when_called(self) -> None:
        await self._called.wait()
        if self.plays:
            self.t0_ns = time.monotonic_ns() + round(LEAD_S * 1e9)
            for child in self._children.values():
                await child.send({"command": "start", "t0_ns": self.t0_ns})
            self._print(["# the timeline has begun"])

    def _now_s(self, at_ns: int | None = None) -> float | None:
        return None if self.t0_ns is None else ((at_ns or time.monotonic_ns()) - self.t0_ns) / 1e9

    def _tell(self, event: events.Event) -> None:
        self._print([f"# {line.strip()}" for line in narrate(event)])

    def _summary(self) -> list[str]:
        lines = [
            f"# {name}: {each['attempts']} requests, {each['faulted']} with a fault, {each['errors']} errors"
            for name, each in self._stats.items()
            if each["attempts"]
        ]
        return lines or ["# nobody called"]

    @staticmethod
    def _print(lines: list[str]) -> None:
        tell(sys.stdout, lines)


def page(
    hosts: HostMap, door: Door, *, plays: bool = False, logins: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """What is printed: the environment to paste, which hosts stand for whom, and what some programs need besides.

    Args:
        hosts: The provider behind each host.
        door: Where the proxy is.
        plays: Whether a timeline waits for the first request.
        logins: The refresh token of each provider that takes no keys.
    """
    providers = dict.fromkeys(hosts.names.values())
    width = max(map(len, providers))
    lines = ["# banstorm stands in for these hosts; any API key is accepted. Start your program with this environment."]
    lines += ["", *export_lines(door.variables())]
    lines += [f"# or: . {shlex.quote(str(interception.environment_file(door)))}", ""]
    for provider in providers:
        own = [name for name, each in hosts.names.items() if each == provider]
        lines.append(f"# {provider:<{width}}  {', '.join(own)}")
        if provider in logins:
            lines.append(f"# {'':<{width}}  takes no keys: log in with the refresh token {logins[provider]}")
    lines.append("# every other host is refused: nothing leaves this machine")
    lines += ["", *(f"# {note}" for note in NOTES)]
    host = hosts.example(next(iter(providers)))
    lines += ["", f"curl -sS --proxy {door.url} --cacert {shlex.quote(str(door.authority))} https://{host}/"]
    if plays:
        lines += ["", "# the timeline begins with the first request"]
    return [*lines, "", "# Ctrl-C ends it"]
