"""A router of the user's own, by a file that describes it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

import yaml
from pydantic import ValidationError

from ...scenarios.problems import nearest
from ..errors import HarnessError
from ._own import Description, OwnTarget
from .base import Options

BYTES_MAX: Final = 256 * 1024
"""Longest description read, in bytes."""


class FileTarget(OwnTarget):
    """Whatever `--target FILE.yaml` describes: a command, its environment and configuration, how it is called."""

    name: ClassVar[str] = "file"
    kind: ClassVar[str] = "file"

    def __init__(self, options: Options) -> None:
        path = options.file or Path()
        super().__init__(options, read(path), path.resolve().parent)


def read(path: Path) -> Description:
    """The description in the file.

    Raises:
        HarnessError: when it can't be read, or says what there is not.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HarnessError(f"the target's file can't be read: {error.strerror}", str(path), "check the path") from error
    if len(data) > BYTES_MAX:
        raise HarnessError(f"the target's file is longer than {BYTES_MAX} bytes", str(path), "shorten it")
    try:
        told = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f":{where.line + 1}" if where else ""
        raise HarnessError("the target's file is no YAML", f"{path}{line}", "check quotes and indentation") from error
    if not isinstance(told, dict):
        raise HarnessError("the target's file holds no keys", str(path), "it needs at least command: …")
    try:
        return Description.model_validate(told)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            advice = nearest(key, Description.model_fields, "")
            raise HarnessError(f"unknown key {key!r}", str(path), advice) from None
        raise HarnessError(f"{key}: {first['msg'].lower()}", str(path), "change the value") from None


TARGET = FileTarget
