"""Embedding vectors that are a pure function of a text, of length one, and cheap: they are put together from blocks.

A vector of its own for each text would cost a calculation and a rendering for each of its numbers, which for 2,048
texts of 3,072 dimensions stops the event loop for more than a second. So there are 256 blocks of numbers for each
length of vectors, all of one size (the sum of their squares), rendered once; a hash of the text says which follow each
other. Every such vector has the same size, and two texts have next to no block in common.
"""

from __future__ import annotations

import hashlib
import math
import struct
from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

KINDS: Final = 256
"""Blocks to choose from: one byte of a hash chooses."""
WIDTH: Final = 16
"""Numbers in a block."""
SHORT_WIDTH: Final = 2
"""Numbers in a block of a short vector, which would otherwise have too few to choose from."""
SHORT: Final = 64
"""Dimensions from which on a vector is not short."""
LENGTHS_KEPT: Final = 8
"""Lengths of vectors whose blocks are kept, a third of a megabyte each."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """What vectors of one length are made of: blocks as little-endian floats of 32 bits, and as JSON without brackets.

    `last_floats` and `last_texts` are blocks for what the others leave of the length; there are none if nothing is.
    """

    count: int
    floats: tuple[bytes, ...]
    texts: tuple[bytes, ...]
    last_floats: tuple[bytes, ...]
    last_texts: tuple[bytes, ...]

    def binary(self, seed: bytes) -> bytes:
        """The vector of a text as little-endian floats of 32 bits."""
        return b"".join(self._chosen(seed, self.floats, self.last_floats))

    def json(self, seed: bytes) -> bytes:
        """The vector of a text as JSON numbers with commas between them: each as short as makes the same 32 bits."""
        return b",".join(self._chosen(seed, self.texts, self.last_texts))

    def _chosen(self, seed: bytes, blocks: tuple[bytes, ...], last: tuple[bytes, ...]) -> list[bytes]:
        choices = hashlib.shake_128(seed).digest(self.count + 1)
        chosen = [blocks[choice] for choice in choices[: self.count]]
        if last:
            chosen.append(last[choices[-1]])
        return chosen


@lru_cache(LENGTHS_KEPT)
def blocks_of(length: int) -> Blocks:
    """The blocks of vectors of `length` numbers."""
    width = WIDTH if length >= SHORT else SHORT_WIDTH
    count, left = divmod(length, width)
    usual = [_block(kind, width, length) for kind in range(KINDS)] if count else []
    last = [_block(kind, left, length) for kind in range(KINDS)] if left else []
    return Blocks(
        count,
        tuple(_binary(each) for each in usual),
        tuple(_json(each) for each in usual),
        tuple(_binary(each) for each in last),
        tuple(_json(each) for each in last),
    )


def _block(kind: int, width: int, length: int) -> array[float]:
    """One of the blocks: its share of the vector's squares is its share of the numbers."""
    parts = [byte - 127.5 for byte in hashlib.shake_128(b"%d of %d" % (kind, width)).digest(width)]
    scale = math.sqrt(width / length / sum(part * part for part in parts))
    return array("f", [part * scale for part in parts])


def _binary(block: array[float]) -> bytes:
    return struct.pack(f"<{len(block)}f", *block)


def _json(block: array[float]) -> bytes:
    return b",".join(_number(each) for each in block)


def _number(value: float) -> bytes:
    """A float of 32 bits in as few digits as tell it from its neighbours."""
    exact = struct.pack("<f", value)
    texts = (f"{value:.{digits}g}" for digits in range(6, 10))
    return next(text for text in texts if struct.pack("<f", float(text)) == exact).encode()
