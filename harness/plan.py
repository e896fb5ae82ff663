"""From what the user asked to what will be run: everything is checked here, before any process starts."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ..fakes import dialects
from ..reports.tolerance import Tolerance
from ..scenarios import library
from ..scenarios.arrivals import scaled
from ..scenarios.document import read
from ..scenarios.model import Clients, Load, Scenario
from . import faults, happenings
from .audience import Audience
from .errors import HarnessError
from .faults.base import Host
from .intercept import FOLDER, Interception
from .intercept import config as intercept_config
from .intercept_hosts import HostMap
from .load.front import fronts
from .logins import check_logins, login_at
from .one_dialect import in_one_dialect
from .redact import SECRET_CHARS_MIN, fingerprint
from .registry import registry
from .targets._choice import choose
from .targets.base import OPENAI_CHAT, Options, ProviderAt, Target
from .terms import Told

IN_FLIGHT_MAX: Final = 20_000
"""Most calls under way at once, whatever the scenario's rate; further ones are recorded as unsent."""
NAME_CHARS_MAX: Final = 60
"""Characters of the scenario's and of the target's name in the name of a run's folder."""
_LAST_SIGNS: Final = "BCDEFGHIJKLMNOPQRSTUVWXYZ23456789"
"""One for each provider that a scenario may have, of those that every vendor's keys may end in."""
READY_S: Final = 30.0
"""Seconds a target of ours may take to answer its first marked calls."""
READY_S_USER: Final = 120.0
"""The same for a router that the user starts, perhaps after reading the addresses we print."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for, as the command line says it."""

    scenario: str
    target: str = "reference"
    host: Host = Host.MITMPROXY
    seed: int | None = None
    out: Path = Path("runs")
    ports: Mapping[str, int] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    api_key_env: str | None = None
    """Environment variable that `options.api_key` came from: the command that repeats the run names it, not the key."""
    openai_sdk: float = 0.0
    """Share of the calls made by the official OpenAI SDK, 0 to 1."""
    rate: float | None = None
    """Calls per second instead of the scenario's highest rate, for a router that can't carry that."""
    dialect: str | None = None
    """Dialect that all providers shall have instead of their own, for a router that does not translate."""
    ready_s: float | None = None
    charts: bool = True
    intercept: Interception | None = None
    """How the router is intercepted, if it is."""
    audience: Audience | None = field(default=None, compare=False, repr=False)
    """Who else watches, if anybody does."""
    tolerance: Tolerance = field(default_factory=Tolerance)
    """How far beyond the scenario's limits is still accepted."""
    told: Told = field(default_factory=Told)
    """The user's own traffic, in whose terms the report tells the run."""


@dataclass(frozen=True)
class Plan:
    """One run, decided."""

    wish: Wish
    name: str
    scenario: Scenario
    text: str
    run: str
    target: Target
    folder: Path
    command: str
    in_flight_max: int
    ready_s: float
    hosts: HostMap | None = None
    """Which provider each host stands for, if the router is intercepted."""

    @property
    def public_text(self) -> str:
        """The scenario's text, API keys that the timeline selects by told by their fingerprints, as in `attempts`."""
        text = self.text
        for entry in self.scenario.timeline:
            if entry.credential and len(entry.credential) >= SECRET_CHARS_MIN:
                text = text.replace(entry.credential, fingerprint(entry.credential))
        return text

    @property
    def public_scenario(self) -> dict[str, Any]:
        """The scenario as `run.json` has it, the same keys told so."""
        dumped = self.scenario.model_dump(mode="json", by_alias=True)
        for entry in dumped["timeline"]:
            if entry["credential"]:
                entry["credential"] = fingerprint(entry["credential"])
        return dumped

    @property
    def keys(self) -> dict[str, str]:
        """A made-up API key for each provider, in its vendor's format: a model provider's is nobody else's."""
        keys: dict[str, str] = {}
        for name, each in self.scenario.providers.items():
            key = dialects.find(each.dialect, each.service).key_example
            taken = set() if each.service is not None else set(keys.values())  # a service may know its keys by heart
            keys[name] = next(variant for variant in _variants(key) if variant not in taken)
        return keys

    def base_url(self, provider: str, port: int) -> str:
        """The base URL a client of `provider` must use if it listens at `port`: the vendor's own under interception."""
        which = self.scenario.providers[provider]
        dialect = dialects.find(which.dialect, which.service)
        root = f"http://127.0.0.1:{port}" if self.hosts is None else f"https://{self.hosts.example(provider)}"
        return root + dialect.base_path

    def providers_at(self, ports: Mapping[str, int], logins: Mapping[str, str]) -> dict[str, ProviderAt]:
        """Every provider as the target is told of it.

        Args:
            ports: Where each listens.
            logins: The refresh token of each that has a login.
        """
        found: dict[str, ProviderAt] = {}
        for name, each in self.scenario.providers.items():
            base_url, dialect = self.base_url(name, ports[name]), dialects.find(each.dialect, each.service)
            login = login_at(each.dialect, base_url, dialect.base_path, logins.get(name))
            found[name] = ProviderAt(each.dialect, each.model, base_url, self.keys[name], login)
        return found

    @property
    def intercept_config(self) -> dict[str, Any]:
        """What the injector is told of the proxy that it shall be; nothing if it shall be none."""
        if self.wish.intercept is None or self.hosts is None:
            return {}
        return intercept_config(self.wish.intercept, self.hosts, self.folder / FOLDER)


def make_plan(wish: Wish) -> Plan:
    """Check everything that can be checked before a process starts, and decide the rest.

    Raises:
        ScenarioError: when the scenario can't be used.
        HarnessError: when the target, the host or the options can't.
    """
    path = library.find(wish.scenario)
    document = read(path)
    if wish.dialect is not None:
        in_one_dialect(document, wish.dialect)
    scenario = _overridden(library.check_document(document, registry()), wish)
    _check_host(scenario, wish)
    _check_tolerance(scenario, wish.tolerance)
    for name in wish.ports:
        if name not in scenario.providers:
            known = ", ".join(scenario.providers)
            raise HarnessError(f"the scenario has no provider {name!r}", "--ports", f"its providers are: {known}")
    target = choose(wish.target, wish.options)
    check_logins(scenario, target)
    target.check(scenario)
    _check_events(scenario, target)
    _check_front(scenario, target)
    run = secrets.token_hex(3)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    in_flight = int(scenario.load.profile.peak * scenario.load.give_up_s * 1.5) + 50
    return Plan(
        wish=wish,
        name=path.stem,
        scenario=scenario,
        text=(f"# played with --dialect {wish.dialect}\n" if wish.dialect else "") + path.read_text("utf-8"),
        run=run,
        target=target,
        folder=wish.out / f"{moment}-{path.stem[:NAME_CHARS_MAX]}-{_as_name(target.label)}-{run}",
        command=_command(wish, scenario.seed),
        in_flight_max=min(in_flight, IN_FLIGHT_MAX),
        ready_s=wish.ready_s or (READY_S if target.configured_by_us else READY_S_USER),
        hosts=None if wish.intercept is None else wish.intercept.hosts(scenario),
    )


def _check_tolerance(scenario: Scenario, tolerance: Tolerance) -> None:
    """What is tolerated can be added to the limits that it is meant for."""
    for each in scenario.expect:
        misfit = tolerance.misfit(each)
        if misfit is not None:
            raise HarnessError(misfit, "--tolerance", f"the scenario says {each.measure}: {each.wanted}")


def _check_events(scenario: Scenario, target: Target) -> None:
    """What happens to the router can only be done to one that we start."""
    if target.configured_by_us:
        return
    for index, entry in enumerate(scenario.timeline):
        if entry.event is not None and happenings.find(entry.event).to == "router":
            raise HarnessError(
                f"{entry.event} can't be done to {target.label}: banstorm did not start it",
                f"timeline[{index}].event",
                "name a target that banstorm starts (`banstorm list targets`), or take the event out",
            )


def _check_front(scenario: Scenario, target: Target) -> None:
    """The OpenAI SDK calls chat completions only; and a front must be one that the load generator speaks."""
    if target.front not in fronts():
        raise HarnessError(f"no front is called {target.front!r}", "--front", f"use one of {', '.join(fronts())}")
    if scenario.load.clients.openai_sdk > 0 and target.front != OPENAI_CHAT:
        what = f"the calls by the OpenAI SDK are chat completions; {target.label} speaks {target.front}"
        raise HarnessError(what, "load.clients.openai_sdk", "let all calls be made by http")


def _variants(key: str) -> Iterator[str]:
    """The key, and others that differ in their last sign and are as well formed."""
    yield key
    yield from (key[:-1] + sign for sign in _LAST_SIGNS)


def _as_name(label: str) -> str:
    """A label as a part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", label)[:NAME_CHARS_MAX]


def _overridden(scenario: Scenario, wish: Wish) -> Scenario:
    """The scenario with the command line's seed, rate and clients."""
    changes: dict[str, Any] = {}
    if wish.seed is not None:
        changes["seed"] = wish.seed
    load: dict[str, Any] = {}
    if wish.openai_sdk > 0:
        parts = round(wish.openai_sdk * 100)
        if abs(parts - wish.openai_sdk * 100) > 1e-9:
            raise HarnessError(f"a share of {wish.openai_sdk:.3%} is no whole percent", "--openai-sdk", "round it")
        load["clients"] = Clients(http=100 - parts, openai_sdk=parts)
    if wish.rate is not None:
        load["rate"] = scaled(scenario.load.rate, wish.rate / scenario.load.profile.peak)
    if load:
        changes["load"] = _checked(scenario.load.model_copy(update=load))
    return scenario.model_copy(update=changes) if changes else scenario


def _checked(load: Load) -> Load:
    """The load again, its limits checked: what the command line puts into it may break them."""
    try:
        Load.model_validate(load.model_dump(mode="json", by_alias=True))
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        advice = "lower it, or shorten load.duration in the scenario"
        raise HarnessError(first["msg"].removeprefix("Value error, "), "--rate", advice) from None
    return load


def _check_host(scenario: Scenario, wish: Wish) -> None:
    if wish.intercept is not None and wish.host is Host.INLINE:
        what = "nothing can be intercepted inside the fakes: the proxy is mitmproxy"
        raise HarnessError(what, "--intercept --inline", "leave one of them out")
    for index, entry in enumerate(scenario.timeline):
        if entry.fault is None:
            continue  # a standing is the fake's own, so both hosts have it
        for name in entry.on:
            dialect = dialects.find(scenario.providers[name].dialect, scenario.providers[name].service)
            for reason in faults.refusals(entry.fault, dialect, wish.host, tls=wish.intercept is not None):
                advice = "run without --inline, so that mitmproxy plays it"
                if wish.host is Host.MITMPROXY and faults.find(entry.fault).needs_tls:
                    advice = "run with --intercept, so that routers speak TLS"
                raise HarnessError(reason, f"timeline[{index}].fault", advice)


def _command(wish: Wish, seed: int) -> str:
    """The command that repeats this run. Keys are never part of it; `--api-key-env` names their variable."""
    words = ["banstorm", "run", wish.scenario, "--target", wish.target, "--seed", str(seed)]
    if wish.host is Host.INLINE:
        words.append("--inline")
    words += [] if wish.intercept is None else wish.intercept.words
    if wish.ports:
        words += ["--ports", ",".join(f"{name}={port}" for name, port in wish.ports.items())]
    words += wish.options.words
    if wish.api_key_env:
        words += ["--api-key-env", wish.api_key_env]
    if wish.dialect is not None:
        words += ["--dialect", wish.dialect]
    if wish.rate is not None:
        words += ["--rate", f"{wish.rate:g}/s"]
    if wish.tolerance:
        words += ["--tolerance", wish.tolerance.text]
    words += wish.told.words
    if wish.openai_sdk:
        words += ["--openai-sdk", f"{wish.openai_sdk * 100:g}%"]
    return shlex.join(words)


def parse_ports(text: str) -> dict[str, int]:
    """Ports such as ``anthropic=9101,openai=9102``.

    Raises:
        HarnessError: when it is not of that form or a port is out of range.
    """
    ports: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"([a-z][a-z0-9_-]*)=(\d{1,5})", part.strip())
        if match is None or not 1 <= int(match[2]) <= 65535:
            raise HarnessError(f"no port: {part!r}", "--ports", "write them like anthropic=9101,openai=9102")
        if match[1] in ports:
            raise HarnessError(f"no port: {match[1]!r} stands twice", "--ports", "give each provider one port")
        ports[match[1]] = int(match[2])
    return ports
