"""A router of the user's own, by the command that starts it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ._own import Description, OwnTarget
from .base import Options


class CommandTarget(OwnTarget):
    """Whatever `--target 'command …'` starts, e.g. ``python router.py --port {port} --openai {openai_url}``."""

    name: ClassVar[str] = "command"

    def __init__(self, options: Options) -> None:
        super().__init__(options, Description(command=options.command or ""), Path.cwd())


TARGET = CommandTarget
