"""`--intercept`: what was asked for, and what comes of it, for whoever starts an injector that is a forward proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import HarnessError
from .intercept_environment import Door, export_lines
from .intercept_hosts import HostMap, host_map, parse_maps

if TYPE_CHECKING:
    from ..scenarios.model import Scenario

FOLDER: Final = "intercept"
"""Folder, in a run's, of the certificates and the environment."""
ENVIRONMENT: Final = "environment.sh"
"""File with the environment, for a shell to source."""


@dataclass(frozen=True, slots=True)
class Interception:
    """What the user asked for.

    Attributes:
        maps: Hosts of the user's own, and the provider that each stands for.
        port: The proxy's port, 0 for any free one.
    """

    maps: Mapping[str, str] = field(default_factory=dict)
    port: int = 0

    @property
    def words(self) -> list[str]:
        """The words of the command line that ask for it."""
        maps = [word for name, provider in self.maps.items() for word in ("--map", f"{name}={provider}")]
        return ["--intercept", *maps, *(["--proxy-port", str(self.port)] if self.port else [])]

    def hosts(self, scenario: Scenario) -> HostMap:
        """Which provider of the scenario each host stands for.

        Raises:
            HarnessError: as `host_map`.
        """
        return host_map(scenario, self.maps)


def wanted(*, intercept: bool, maps: tuple[str, ...], port: int) -> Interception | None:
    """The command line's words as an `Interception`; None if there is to be none.

    Raises:
        HarnessError: when a word is malformed, or means nothing without ``--intercept``.
    """
    if intercept:
        return Interception(parse_maps(maps), port)
    if maps or port:
        option = "--map" if maps else "--proxy-port"
        raise HarnessError(f"{option} means nothing without --intercept", option, "add --intercept")
    return None


def config(asked: Interception, hosts: HostMap, folder: Path) -> dict[str, Any]:
    """What an injector is told, beside the rest, to become the proxy; its certificates are put into `folder`."""
    return {"intercept": {"port": asked.port, "hosts": hosts.names, "folder": str(folder)}}


def door(ready: Mapping[str, Any]) -> Door | None:
    """Where the proxy is, by what the injector said when it was ready; None if it is none.

    The environment is written beside the certificates.

    Raises:
        HarnessError: when it can't be.
    """
    told = ready.get("proxy")
    if told is None:
        return None
    found = Door(told["port"], Path(told["authority"]), Path(told["bundle"]))
    path = environment_file(found)
    try:
        path.write_text("\n".join([*export_lines(found.variables()), ""]), "utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise HarnessError(f"the environment can't be written: {reason}", str(path), "choose another folder") from error
    return found


def environment_file(door: Door) -> Path:
    """The file to source."""
    return door.authority.parent / ENVIRONMENT
