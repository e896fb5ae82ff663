"""Who sends a request, as far as its head tells: what is the same for all requests that have the same head."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ..redact import fingerprint

if TYPE_CHECKING:
    from ...fakes.callers import Caller
    from .window import Window

CREDENTIALS_MAX: Final = 4096
"""Credentials whose fingerprints are remembered."""

_fingerprint = lru_cache(maxsize=CREDENTIALS_MAX)(fingerprint)


class Sender:
    """The head of a request, as selectors and the ledger see it.

    Args:
        caller: What the fake would make of the head; it reads the body.
        method: Of the request.
        path: Of the request, with its query.
        headers: As they came, names in lower case.

    Attributes:
        path: Without its query, which may carry a key and so is never written down.
        credential: What the request came with, if anything.
        fingerprint: That of the credential.
        client_retry: How often the router's client says that it has tried before, if it says so.
    """

    __slots__ = ("_asked", "_meant", "caller", "client_retry", "credential", "fingerprint", "headers", "method", "path")

    def __init__(self, caller: Caller, method: str, path: str, headers: Mapping[str, str]) -> None:
        self.caller = caller
        self.method = method
        self.path = path.partition("?")[0]
        self.headers = headers
        self.credential = caller.credential
        self.fingerprint = _fingerprint(self.credential) if self.credential else None
        self.client_retry = _count(headers.get("x-stainless-retry-count"))
        self._asked: tuple[Window, ...] = ()
        self._meant: tuple[Window, ...] = ()

    def among(self, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        """Those of the windows whose entries may mean this sender's requests; the same tuple is looked at once."""
        if windows is not self._asked:
            self._meant = tuple(window for window in windows if window.means_sender(self))
            self._asked = windows
        return self._meant


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else None
