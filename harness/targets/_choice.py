"""Which target the user means: a name, a URL, a file or a command."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from ...scenarios.problems import nearest
from ..errors import HarnessError
from . import find, names
from .base import Options, Target

DESCRIBED: Final = ("url", "command", "file")
"""Targets that a name does not choose: what follows ``--target`` describes them."""


def choose(text: str, options: Options) -> Target:
    """The target that ``--target text`` means.

    Raises:
        HarnessError: when there is no such target, or it refuses the options.
    """
    if text.startswith(("http://", "https://")):
        return find("url")(replace(options, url=text))
    if text.endswith((".yaml", ".yml")):
        return find("file")(replace(options, file=Path(text)))
    if re.search(r"[\s/]", text.strip()):
        return find("command")(replace(options, command=text))
    name, _, variant = text.partition(":")
    known = named()
    if name.replace("-", "_") not in known:
        advice = nearest(name, known, " (or give a URL, a command, or a file that ends with .yaml)")
        raise HarnessError(f"unknown target {text!r}", "--target", advice)
    return find(name.replace("-", "_"))(replace(options, variant=variant))


def named() -> list[str]:
    """The targets that are chosen by their names."""
    return [each for each in names() if each not in DESCRIBED]
