"""The file that a recording is written to, and what became of each exchange."""

from __future__ import annotations

import os
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Final

from ..fakes.recording import EXCHANGES_MAX, FILE_BYTES_MAX, head_line
from .errors import HarnessError

RECORDED: Final = "recorded"
WITHHELD: Final = "not recorded: a credential could not be taken out"
FULL: Final = "not recorded: the file is full"


class Tape:
    """A recording that is being made. Nobody but its owner may read the file.

    Args:
        path: The file, which must not exist yet.
        exchanges_max: Most exchanges in it.
        bytes_max: Largest size of it, in bytes.

    Raises:
        HarnessError: when the file exists or can't be made.
    """

    def __init__(self, path: Path, *, exchanges_max: int = EXCHANGES_MAX, bytes_max: int = FILE_BYTES_MAX) -> None:
        self.path = path
        self._exchanges_max = exchanges_max
        self._bytes_max = bytes_max
        self._arrived = 0
        self._bytes = 0
        self.fates: Counter[str] = Counter()
        """How many exchanges had each fate, in the words that are shown."""
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise HarnessError("the file exists already", str(path), "name another with --out, or remove it") from error
        except OSError as error:
            raise _unwritable(error, path) from error
        self._file = os.fdopen(number, "wb", buffering=0)
        try:
            self._write(head_line(version("banstorm")))
        except OSError as error:
            self._file.close()
            path.unlink()  # or the next try would be told that it exists already
            raise _unwritable(error, path) from error

    def arrive(self) -> int:
        """The number of a request that has just come in, from 1."""
        self._arrived += 1
        return self._arrived

    def add(self, line: bytes) -> str:
        """Write an exchange's line down, and tell what became of it.

        Raises:
            OSError: when it can't be written; the file ends with the line before it.
        """
        full = self.fates[RECORDED] >= self._exchanges_max or self._bytes + len(line) > self._bytes_max
        fate = FULL if full else RECORDED
        if not full:
            self._write(line)
        return self.note(fate)

    def note(self, fate: str) -> str:
        """Count what became of an exchange."""
        self.fates[fate] += 1
        return fate

    def close(self) -> None:
        """Nothing more is written."""
        self._file.close()

    def _write(self, line: bytes) -> None:
        left = memoryview(line)
        try:
            while left:  # a disk that is nearly full takes a part of it, and fails only then
                left = left[self._file.write(left) :]
        except OSError:
            self._file.seek(self._bytes)
            self._file.truncate()
            raise
        self._bytes += len(line)


def _unwritable(error: OSError, path: Path) -> HarnessError:
    reason = (error.strerror or type(error).__name__).lower()
    return HarnessError(f"the recording can't be written: {reason}", str(path), "check the path and its disk")
