"""Which provider a host name stands for, when a router is intercepted instead of pointed at the fakes.

A name is a host, ``api.openai.com``, or a pattern with ``*`` for one whole label, ``*.openai.azure.com``; a port may
follow, ``localhost:8000``, and without one every port is meant. A plain name goes before a pattern, one with its port
before both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from ..fakes import dialects
from ..scenarios.hosts import HOST, HOST_CHARS_MAX
from ..scenarios.problems import nearest
from .errors import HarnessError

if TYPE_CHECKING:
    from ..scenarios.model import Scenario

NAMES_MAX: Final = 200
"""Names that one run may map."""
CUSTOMER: Final = "banstorm"
"""What stands for ``*`` where a whole name is needed and the vendor's list has none."""

_EXPECTED: Final = "write a host such as api.example.com, *.example.com, or localhost:8000"


class HostMap:
    """Finds the provider behind a host.

    Args:
        names: Each mapped name's provider; the names are well formed.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)
        self._patterns = [
            (re.compile(re.escape(name.partition(":")[0]).replace(r"\*", "[^.]+")), name.partition(":")[2], provider)
            for name, provider in names.items()
            if "*" in name
        ]

    def provider(self, host: str, port: int) -> str | None:
        """The provider that `host` stands for, None if it is none's."""
        host = host.lower().rstrip(".")
        for name in (f"{host}:{port}", host):
            if name in self.names:
                return self.names[name]
        for pattern, only, provider in self._patterns:
            if only in {"", str(port)} and pattern.fullmatch(host):
                return provider
        return None

    def example(self, provider: str) -> str:
        """A host of the provider's, its port with it where one was given."""
        own = [name for name, each in self.names.items() if each == provider]
        plain = [name for name in own if "*" not in name]
        return plain[0] if plain else own[0].replace("*", CUSTOMER)


def host_map(scenario: Scenario, overrides: Mapping[str, str] | None = None) -> HostMap:
    """The hosts of a scenario's providers.

    A provider has those of its ``hosts:``, else its vendor's own; the first of several that speak one dialect gets the
    vendor's. `overrides` go before all.

    Raises:
        HarnessError: when a provider has no host, two have the same, or an override names no provider.
    """
    overrides = overrides or {}
    for name, provider in overrides.items():
        if provider not in scenario.providers:
            advice = nearest(provider, scenario.providers, "")
            raise HarnessError(f"there is no provider {provider!r}", f"--map {name}={provider}", advice)
    names: dict[str, str] = {}
    for provider, each in scenario.providers.items():
        for name in each.hosts:
            if (other := names.setdefault(name, provider)) != provider:
                what = f"{name} is a host of {other!r} and of {provider!r}"
                raise HarnessError(what, f"providers.{provider}.hosts", "give each host to one provider")
    for provider, name in _vendors_own(scenario):
        names.setdefault(name, provider)
    names = dict(overrides) | {name: provider for name, provider in names.items() if name not in overrides}
    if len(names) > NAMES_MAX:
        raise HarnessError(f"{len(names)} hosts are mapped", "hosts", f"at most {NAMES_MAX} can be")
    for provider in scenario.providers:
        if provider not in names.values():
            what = f"nothing says which host stands for {provider!r}"
            advice = f"give it one: --map api.example.com={provider}, or hosts: in the scenario"
            raise HarnessError(what, f"providers.{provider}", advice)
    return HostMap(names)


def _vendors_own(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Providers without hosts of their own, with each of their vendor's."""
    given: set[str] = set()
    for provider, each in scenario.providers.items():
        if each.hosts or each.dialect in given:
            continue
        given.add(each.dialect)
        for name in dialects.find(each.dialect, each.service).hosts:
            yield provider, name


def parse_maps(words: Iterable[str]) -> dict[str, str]:
    """What ``--map HOST=PROVIDER`` says.

    Raises:
        HarnessError: when a word is not of that form, or a host stands twice.
    """
    maps: dict[str, str] = {}
    for word in words:
        name, _, provider = word.rpartition("=")
        name = name.strip().lower()
        if not is_name(name):
            raise HarnessError(f"no host: {name!r}" if name else f"no mapping: {word!r}", "--map", _EXPECTED)
        if maps.setdefault(name, provider) != provider:
            raise HarnessError(f"{name} is mapped twice", "--map", "map each host to one provider")
    return maps


def is_name(name: str) -> bool:
    """Whether `name` is a host, or a pattern of hosts, that can be mapped."""
    return len(name) <= HOST_CHARS_MAX and re.fullmatch(HOST, name) is not None
