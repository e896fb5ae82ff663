"""Ids that look like a vendor's and are a pure function of a seed."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

BASE62: Final = bytes.maketrans(
    bytes(range(256)),
    bytes(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[value % 62] for value in range(256)),
)
BASE58: Final = bytes.maketrans(
    bytes(range(256)),
    bytes(b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[value % 58] for value in range(256)),
)


def letters(seed: int, purpose: str, length: int, alphabet: bytes = BASE62) -> str:
    """`length` (at most 64) letters and digits that depend on `seed` and `purpose` alone."""
    return blake2b(f"{seed}/{purpose}".encode()).digest().translate(alphabet)[:length].decode()


def hexadecimal(seed: int, purpose: str, length: int) -> str:
    """`length` (at most 128) hexadecimal digits that depend on `seed` and `purpose` alone."""
    return blake2b(f"{seed}/{purpose}".encode()).hexdigest()[:length]


def uuid(seed: int, purpose: str) -> str:
    """A random-looking UUID (version 4) that depends on `seed` and `purpose` alone."""
    digits = hexadecimal(seed, purpose, 32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
