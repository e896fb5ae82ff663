"""Takes down what the proxy refuses, and tells the user what only shows at the proxy: who doesn't trust it, say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ..reports.tables import Refusal
from .child import say

if TYPE_CHECKING:
    from .ledger import Ledger

ROWS_MAX: Final = 10_000
"""Refusals of one run that are written down; further ones are refused all the same."""
TOLD_MAX: Final = 20
"""Hosts of which the user is told, for each kind of news."""
HOST_CHARS_MAX: Final = 253
"""Characters of a host that are kept; no real name has more."""


class Refusals:
    """Writes rows, and warns once a host."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rows = 0
        self._counts: dict[str, int] = {}
        self._others = 0
        self._told: dict[str, set[str]] = {}
        self._trusted: set[str] = set()

    def add(self, host: str, port: int, way: str) -> str:
        """Note that a host was refused that stands for no provider; gives its name as it can be shown.

        Args:
            host: Its name or address, as the router wrote it.
            port: Its port.
            way: How it was asked for: connect (a tunnel), or plain (a request without TLS).
        """
        shown = host.encode("ascii", "backslashreplace").decode()[:HOST_CHARS_MAX]
        shown = "".join(each if each.isprintable() and each != " " else "?" for each in shown)
        if self._rows < ROWS_MAX:
            self._rows += 1
            self._ledger.add("refusals", Refusal(at_ns=time.monotonic_ns(), host=shown, port=port, way=way))
        if shown in self._counts or len(self._counts) < TOLD_MAX:
            self._counts[shown] = self._counts.get(shown, 0) + 1
        self._others += shown not in self._counts
        what = f"the router called {shown}, which stands for no provider: refused, and nothing left this machine"
        self._tell("refused", shown, what)
        return shown

    def close(self) -> None:
        """Tell how often each host was refused, if any was more than once."""
        if self._others or any(count > 1 for count in self._counts.values()):
            told = [f"{host} {count} times" for host, count in sorted(self._counts.items(), key=lambda each: -each[1])]
            told += [f"others {self._others} times"] if self._others else []
            say("warning", what=f"refused, for they stand for no provider: {', '.join(told)}")

    def untrusted(self, host: str, error: str) -> None:
        """The router has broken off a handshake that was in order."""
        self._tell("untrusted", host, f"the router does not trust the interception's certificate of {host} ({error})")

    def unused(self, host: str) -> None:
        """The router has left after a handshake that was in order, and never called the host."""
        if host not in self._trusted:
            what = f"the router hung up on {host} after the TLS handshake: perhaps it trusts another authority"
            self._tell("untrusted", host, what)

    def trusted(self, host: str) -> None:
        """The router has called the host: a connection that it leaves unused means nothing."""
        if len(self._trusted) < ROWS_MAX:
            self._trusted.add(host)

    def accepted(self, host: str, flaw: str) -> None:
        """The router has called the host although TLS was broken."""
        self._tell("accepted", host, f"the router called {host} although its certificate was broken on purpose: {flaw}")

    def _tell(self, kind: str, host: str, what: str) -> None:
        told = self._told.setdefault(kind, set())
        if host not in told and len(told) < TOLD_MAX:
            told.add(host)
            say("warning", what=what)
