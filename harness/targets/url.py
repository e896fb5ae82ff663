"""A router that is already running: only its front's address is known."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from ...scenarios.model import Scenario
from ..errors import HarnessError
from .base import Endpoint, Options, ProviderAt, Target


class UrlTarget(Target):
    """Whatever answers at `--target URL`."""

    name: ClassVar[str] = "url"
    kind: ClassVar[str] = "url"
    configured_by_us: ClassVar[bool] = False

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.base_url = front(options.url or "")

    async def start(self, scenario: Scenario, providers: Mapping[str, ProviderAt], folder: Path) -> Endpoint:  # noqa: ARG002 - an interface
        """Nothing to start: the user did."""
        if self.options.settings:
            raise HarnessError(
                "--set works only on a target that banstorm configures", "--set", "configure the router itself"
            )
        first = next(iter(providers.values()))
        return Endpoint(
            base_url=self.base_url,
            model=self.options.model or first.model,
            headers=self.options.headers,
            api_key=self.options.api_key,
            front=self.front,
        )

    @property
    def label(self) -> str:
        """The name the user gave it, else its address."""
        return self.options.label or urlsplit(self.base_url).netloc

    @property
    def detail(self) -> str:
        """The front's address."""
        return self.base_url


def front(url: str) -> str:
    """The base URL of an OpenAI-compatible front: as given, with ``/v1`` if it has no path.

    Raises:
        HarnessError: when it is no http(s) URL on loopback, or holds more than an address and a path.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # brackets that don't close, a port out of range
        known = False
    if "@" in url or "?" in url or "#" in url:
        # The address goes into the report and the folder's name, so it must hold no credential; and it is not shown.
        advice = "write it like http://127.0.0.1:4000, and give credentials by --api-key-env or --header"
        raise HarnessError("the address holds a user, a query or a fragment", "--target", advice)
    if not known or not parts.hostname:
        raise HarnessError(f"no URL: {url!r}", "--target", "write it like http://127.0.0.1:4000")
    if not _is_loopback(parts.hostname):
        raise HarnessError(
            f"{parts.hostname} is not on loopback: banstorm sends load to this machine only",
            "--target",
            "run the router here, or forward a local port to it",
        )
    return url.rstrip("/") + ("" if parts.path.strip("/") else "/v1")


def _is_loopback(host: str) -> bool:
    """Whether it is `localhost` or an address of this machine's own; a name such as 127.example.org may be anywhere."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


TARGET = UrlTarget
