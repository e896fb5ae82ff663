"""Where requests come from: networks that were placed in regions, and the region that a signed request is for."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

CLIENT_HEADER: Final = "x-forwarded-for"
"""Request header in which an injector says whose request it is: behind it every connection is the injector's."""
NETWORKS_MAX: Final = 1024
"""Networks that are placed."""
ADDRESSES_MAX: Final = 4096
"""Addresses whose region is remembered; beyond it all are looked up again."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# AWS Signature Version 4: Credential=<key>/<date>/<region>/<service>/aws4_request
_SCOPE: Final = re.compile(r"Credential=[^/,\s]+/\d{8}/([^/,\s]+)/")


class Regions:
    """Networks and the regions that they are in; the smallest network that holds an address counts."""

    def __init__(self) -> None:
        self._networks: dict[_Network, str] = {}
        self._found: dict[str, str | None] = {}

    def place(self, network: str, region: str) -> None:
        """Put a network (CIDR, or one address) into a region.

        Raises:
            ValueError: when it is no network, or there are too many.
        """
        try:
            known = ipaddress.ip_network(network.strip(), strict=False)
        except ValueError as error:
            raise ValueError(f"{network!r} is no network: write an address, or a CIDR such as 127.0.0.2/32") from error
        if len(self._networks) >= NETWORKS_MAX and known not in self._networks:
            raise ValueError(f"at most {NETWORKS_MAX} networks can be placed: place larger ones")
        self._networks[known] = region
        self._found.clear()

    def clear(self) -> None:
        """Forget every network."""
        self._networks.clear()
        self._found.clear()

    def placed(self) -> Mapping[str, str]:
        """The region of each network."""
        return {str(network): region for network, region in self._networks.items()}

    def of(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[str, ...]:
        """The regions that a request is of: where its client is, and the one whose endpoint it was signed for."""
        found = []
        if self._networks and (region := self._region(address(scope, headers))) is not None:
            found.append(region)
        if (signed := _SCOPE.search(headers.get("authorization", ""))) is not None:
            found.append(signed[1])
        return tuple(found)

    def _region(self, text: str) -> str | None:
        if text in self._found:
            return self._found[text]
        try:
            client = ipaddress.ip_address(text)
        except ValueError:
            return None  # a Unix socket's client has no address
        fits = [network for network in self._networks if client in network]
        region = self._networks[max(fits, key=lambda each: each.prefixlen)] if fits else None
        if len(self._found) >= ADDRESSES_MAX:
            self._found.clear()
        self._found[text] = region
        return region


def address(scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Where a request comes from.

    That is the connection's other end, as for a vendor's edge, which believes no client that writes the header itself.
    Behind an injector (a request with an attempt's id) the other end is the injector, which says in
    `CLIENT_HEADER` whose request it is: its first entry wins then.
    """
    if "x-banstorm-attempt" in headers and (told := headers.get(CLIENT_HEADER)):
        return told.partition(",")[0].strip()
    client = scope.get("client")
    return str(client[0]) if client else ""
