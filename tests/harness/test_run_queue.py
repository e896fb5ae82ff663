"""How long a process waited for a CPU, out of the kernel's own counts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from banstorm.harness.run_queue import RunQueue, busy_s


def count(proc: Path, pid: int, tid: int, waited_ns: int) -> None:
    """Write what the kernel would tell of a thread."""
    path = proc / str(pid) / "task" / str(tid)
    path.mkdir(parents=True, exist_ok=True)
    (path / "schedstat").write_text(f"99 {waited_ns} 7\n")


def test_the_waits_of_all_threads_since_the_previous_look_are_added_up(tmp_path: Path):
    """The first look has nothing to compare with; a new thread counts from its start, one that ended no more."""
    queue = RunQueue(tmp_path)
    count(tmp_path, 7, 7, 1_000_000_000)
    assert queue.waited_s([7]) is None
    assert 0.0 == queue.waited_s([7])
    count(tmp_path, 7, 7, 1_250_000_000)
    count(tmp_path, 7, 8, 500_000_000)
    count(tmp_path, 9, 9, 125_000_000)
    assert 0.875 == queue.waited_s([7, 9])
    (tmp_path / "7" / "task" / "8" / "schedstat").unlink()
    count(tmp_path, 9, 9, 250_000_000)
    assert 0.125 == queue.waited_s([7, 9])


def test_a_kernel_that_does_not_count_says_nothing(tmp_path: Path):
    """Nor does a process that is gone, or one whose counts are no numbers."""
    queue = RunQueue(tmp_path)
    assert [None, None] == [queue.waited_s([7]), queue.waited_s([7])]
    count(tmp_path, 7, 7, 1)
    (tmp_path / "7" / "task" / "7" / "schedstat").write_text("none")
    assert [None, None] == [queue.waited_s([7]), queue.waited_s([7])]


SPIN = "import os; os.sched_setaffinity(0, {int(__import__('sys').argv[1])})\nwhile True: pass"


def test_two_that_share_a_processor_wait_for_each_other():
    """Really: two programs that never rest, held to one processor; the machine's own work is counted meanwhile."""
    where = str(min(os.sched_getaffinity(0)))
    both = [subprocess.Popen([sys.executable, "-c", SPIN, where]) for _ in range(2)]
    try:
        queue, before = RunQueue(), busy_s()
        queue.waited_s([both[0].pid])
        waited = 0.0
        until = time.monotonic() + 30
        while waited < 0.2 and time.monotonic() < until:
            waited += queue.waited_s([both[0].pid]) or 0.0
        assert waited >= 0.2
        assert busy_s() > before
    finally:
        for each in both:
            each.kill()
            each.wait()
