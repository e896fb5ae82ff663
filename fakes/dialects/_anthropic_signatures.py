"""The signatures of thinking blocks: a block that comes back must be what was given, byte for byte.

A router that rewrites histories, or that brings one of another vendor's, is refused (anthropics/claude-code#10627,
anthropics/anthropic-sdk-python#1598). A signature holds the seed it was made with, so nothing has to be remembered.
"""

from __future__ import annotations

import re
from typing import Final

from . import _ids

_SEED_MAX: Final = 2**64 - 1
_FORM: Final = re.compile(r"Er([0-9a-f]{16})[0-9A-Za-z]{46}")


def sign(thinking: str, id_seed: int) -> str:
    """The signature of a thinking block with this text."""
    seed = id_seed & _SEED_MAX
    return f"Er{seed:016x}" + _ids.letters(seed, f"signature of {thinking}", 46)


def holds(thinking: str, signature: str) -> bool:
    """Whether a block came back as it was given."""
    form = _FORM.fullmatch(signature)
    return form is not None and sign(thinking, int(form[1], 16)) == signature
