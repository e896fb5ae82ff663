"""What a router must be told so that it calls the fakes, believing them to be the vendors: a proxy, and whom to trust.

Most variables that name certificates replace what a program trusts, so they name a bundle of all that the system
trusts and our authority besides: a router that also calls others, past the proxy, still can. Node adds to what it
trusts. Programs differ in which case of a proxy's variable they read (curl only ``http_proxy``), so both are set.
"""

from __future__ import annotations

import os
import shlex
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import certifi

from .errors import HarnessError

DIRECT: Final = "localhost,127.0.0.1,::1"
"""Hosts that are called past the proxy: this machine's own."""
BUNDLE_BYTES_MAX: Final = 16 * 1024 * 1024
"""Largest bundle of the system's that is taken over."""
ADDS: Final = ("NODE_EXTRA_CA_CERTS",)
"""Variables whose file is trusted besides the system's."""
REPLACES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
"""Variables whose file is trusted instead of the system's: Python and OpenSSL, requests, curl, AWS's SDKs."""
NODE_OBEYS: Final = Path(__file__).parent / "targets" / "servers" / "env_proxy.cjs"
"""What a Node before 24 and 22.21 loads first, so that its fetch obeys the proxy."""
NOTES: Final = (
    "Node's fetch obeys HTTPS_PROXY by NODE_USE_ENV_PROXY=1 from 24 and 22.21 on, in older ones by NODE_OPTIONS above",
    "aiohttp obeys it with ClientSession(trust_env=True); Java needs https.proxyHost, https.proxyPort, a trust store",
)
"""What some programs need besides."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the proxy is, and the files of what to trust: our authority alone, and with all that the system trusts."""

    port: int
    authority: Path
    bundle: Path

    @property
    def url(self) -> str:
        """The proxy's address."""
        return f"http://127.0.0.1:{self.port}"

    def variables(self) -> dict[str, str]:
        """The environment that a router must be started with."""
        proxy = {"HTTPS_PROXY": self.url, "HTTP_PROXY": self.url, "NO_PROXY": DIRECT}
        return {
            **proxy,
            **{name.lower(): value for name, value in proxy.items()},
            **dict.fromkeys(REPLACES, str(self.bundle)),
            **dict.fromkeys(ADDS, str(self.authority)),
            "NODE_USE_ENV_PROXY": "1",
            "NODE_OPTIONS": node_options(),
        }


def node_options() -> str:
    """The user's own options of Node, and what lets the fetch of an older Node obey the proxy; newer ones ignore it."""
    path = str(NODE_OBEYS).replace("\\", r"\\").replace('"', r"\"")
    return f'{os.environ.get("NODE_OPTIONS", "")} --require "{path}"'.strip()


def export_lines(variables: Mapping[str, str]) -> list[str]:
    """The variables as lines to paste into a shell."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def write_files(folder: Path, authority: bytes) -> tuple[Path, Path]:
    """Write the authority's certificate, and the bundle; gives the path of each.

    Raises:
        HarnessError: when the folder can't be written, or what the system trusts can't be read.
    """
    alone, bundle = folder / "ca.pem", folder / "bundle.pem"
    trusted = _trusted()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        alone.write_bytes(authority)
        bundle.write_bytes(trusted.rstrip(b"\n") + b"\n" + authority)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise HarnessError(f"certificates can't be written: {reason}", str(folder), "choose another folder") from error
    return alone.resolve(), bundle.resolve()


def _trusted() -> bytes:
    """What programs here trust: the user's own bundle if there is one, else the system's, else certifi's."""
    paths = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, certifi.where())
    for path in filter(None, paths):
        try:
            with Path(path).open("rb") as file:
                found = file.read(BUNDLE_BYTES_MAX + 1)
        except OSError:
            continue
        if len(found) <= BUNDLE_BYTES_MAX and b"-----BEGIN CERTIFICATE-----" in found:
            return found
    raise HarnessError(
        "nothing says which certificates this system trusts",
        ", ".join(str(path) for path in paths),
        "install the package ca-certificates, or set SSL_CERT_FILE to a bundle",
    )
