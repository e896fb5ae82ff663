"""The ledger's writer: one append-only NDJSON file a process, flushed every 100 ms.

Rows are plain dictionaries named in `banstorm.reports.tables`. Appending never blocks on the disk: rows are buffered in
memory and written by whoever calls `flush` (an asyncio task, a gevent greenlet, a thread), so the same class serves
every process whatever its event loop is. A process that is killed loses at most the last 100 ms, and what a full disk
has not taken yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from .errors import HarnessError
from .redact import redact

FLUSH_S: Final = 0.1
"""Seconds between two flushes."""
ROWS_MAX: Final = 5_000_000
"""Rows one process may write in a run; further ones are counted and dropped."""
KEPT_BYTES_MAX: Final = 16 * 1024 * 1024
"""Most bytes of rows kept while the disk takes none."""
EVIDENCE_BYTES_MAX: Final = 16 * 1024
"""Bytes kept of a bad call's or attempt's body."""
EVIDENCE_ROWS_MAX: Final = 1000
"""Bodies kept a process and run."""


class Ledger:
    """Appends rows to `folder`/<writer>.ndjson. `secrets` are credentials that no evidence may show."""

    def __init__(self, folder: Path, writer: str, secrets: Sequence[str] = ()) -> None:
        self._secrets = secrets
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{writer}.ndjson"
        self._file = self._path.open("ab", buffering=0)
        self._lines: list[bytes] = []
        self._heads: dict[str, bytes] = {}  # a row's beginning, by its table
        self._failed: OSError | None = None  # why rows are lost
        self._evidence_left = EVIDENCE_ROWS_MAX
        self.rows = 0
        self.dropped = 0

    def add(self, table: str, row: Any) -> None:
        """Append a row (a TypedDict of `reports.tables`).

        Past `ROWS_MAX` rows, or once the disk has failed for good, it is dropped and counted.
        """
        if self.rows >= ROWS_MAX or self._failed:
            self.dropped += 1
            return
        self.rows += 1
        head = self._heads.get(table)
        if head is None:
            head = self._heads[table] = orjson.dumps({"table": table})[:-1] + b","
        # What `dumps` gives lies in a block of a kilobyte or more, which costs ten times the copy if it is kept.
        self._lines.append(head + orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)[1:])

    def evidence(self, body: bytes) -> str | None:
        """The start of `body`, redacted, as long as this run's store of evidence lasts; else None."""
        if self._evidence_left <= 0 or not body:
            return None
        self._evidence_left -= 1
        return self.clean(body[:EVIDENCE_BYTES_MAX].decode("utf-8", "replace"))

    def clean(self, text: str) -> str:
        """`text` without credentials: those this run was given, and all that looks like one."""
        return redact(text, self._secrets)

    def flush(self) -> None:
        """Write what was appended since the last flush. What the disk does not take is kept, and goes first next time.

        Raises:
            OSError: when more than `KEPT_BYTES_MAX` bytes are kept; no row is taken from then on.
        """
        try:
            self._write()
        except OSError as error:
            if sum(map(len, self._lines)) > KEPT_BYTES_MAX:
                self._failed = error
                raise

    def close(self) -> None:
        """Write what is left, and close.

        Raises:
            HarnessError: when rows are lost, now or before.
        """
        try:
            self._write()
            if self._failed:
                raise self._failed
        except OSError as error:
            what = f"rows of the ledger can't be written: {error.strerror}"
            raise HarnessError(what, str(self._path), "make room on its disk, and run again") from error
        finally:
            self._file.close()

    def _write(self) -> None:
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        left = memoryview(b"".join(lines))
        try:
            while left:  # a disk that is nearly full takes a part, maybe of a row, and fails only then
                left = left[self._file.write(left) :]
        except OSError:
            self._lines.insert(0, bytes(left))
            raise
