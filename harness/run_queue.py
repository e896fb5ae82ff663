"""How long a process waited for a CPU: Linux counts it for each thread, in /proc/<pid>/task/<tid>/schedstat."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

PROC: Final = Path("/proc")
THREADS_MAX: Final = 2000
"""Most threads that are looked at, of a target and all it started."""
NS: Final = 1e9


class RunQueue:
    """Remembers what each thread had waited at the previous look."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._waited_ns: dict[tuple[int, int], int] = {}

    def waited_s(self, pids: Iterable[int]) -> float | None:
        """Seconds that the threads of these processes waited for a CPU since the previous look, all added up.

        None where the kernel doesn't count it, and at the first look. A thread that is new counts from its start, one
        that has ended no more: its last wait is missed.
        """
        now = {each: waited for pid in pids for each, waited in self._threads(pid)}
        before, self._waited_ns = self._waited_ns, now
        if not now or not before:
            return None
        return sum(max(waited - before.get(each, 0), 0) for each, waited in now.items()) / NS

    def _threads(self, pid: int) -> list[tuple[tuple[int, int], int]]:
        found = []
        with suppress(OSError):
            for task in list((self._proc / str(pid) / "task").iterdir())[:THREADS_MAX]:
                # Ran, waited, and how often: nanoseconds. A thread may be gone by now.
                with suppress(OSError, ValueError, IndexError):
                    waited = int((task / "schedstat").read_text("ascii").split()[1])
                    found.append(((pid, int(task.name)), waited))
        return found


def busy_s() -> float:
    """Seconds that this machine's processors have worked since it started, all added up."""
    times = psutil.cpu_times()._asdict()
    # What guests used is a part of user and nice.
    return float(sum(spent for name, spent in times.items() if name not in {"idle", "iowait", "guest", "guest_nice"}))
