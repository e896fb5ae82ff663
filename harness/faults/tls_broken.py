"""A TLS handshake that fails."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Fault, Host

Flaw = Literal["close", "reset", "handshake_failure", "expired", "wrong_host", "unknown_issuer"]
"""What is wrong with a handshake."""


class TlsBroken(Fault):
    """Let TLS handshakes fail, where the router speaks TLS to banstorm: under `--intercept`.

    Each handshake inside the window is a bite, also one that a router accepts all the same: a warning then says so. It
    takes no selector and no share: there is no request yet to select by.
    """

    hosts = frozenset({Host.MITMPROXY})
    reaches_provider = False
    billed = False
    in_flight = "left alone; idle connections are closed when the window opens, others of HTTP/1.1 after their answer"
    needs_tls = True

    how: Flaw = Field(
        default="handshake_failure",
        description="close or reset the connection in the handshake, send the alert handshake_failure, or show a "
        "certificate that is expired, of another host, or of an authority that nobody trusts (unknown_issuer)",
    )


FAULT = TlsBroken
