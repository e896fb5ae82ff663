"""Resetting a TCP connection: the peer meets ECONNRESET instead of an end of file."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final

LINGER_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST in place of FIN."""


def reset(transport: asyncio.BaseTransport) -> None:
    """Close a TCP transport with a reset. Whatever still waits to be written is lost."""
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_AT_ONCE)
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
    else:
        transport.close()
