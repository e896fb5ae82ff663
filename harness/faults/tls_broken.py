"""A TLS handshake that fails."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Fault, Host

Flaw = Literal["close", "reset", "handshake_failure", "expired", "wrong_host", "unknown_issuer"]
"""What is wrong with a handshake."""


class TlsBroken(Fault):
    """Let TLS handshakes fail, where the router speaks TLS to banstorm; connections that stand are left alone.

    It takes no selector and no share: there is no request yet to select by.
    """

    hosts = frozenset({Host.MITMPROXY})
    reaches_provider = False
    billed = False
    needs_tls = True

    how: Flaw = Field(
        default="handshake_failure",
        description="close or reset the connection in the handshake, send the alert handshake_failure, or show a "
        "certificate that is expired, of another host, or of an authority that nobody trusts (unknown_issuer)",
    )


FAULT = TlsBroken
