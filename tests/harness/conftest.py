"""Makes `whole_run` importable by the tests beside it, and hang-ups heard by the programs they start."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def hangups() -> Iterator[None]:
    """What is started meanwhile isn't deaf to SIGHUP, even where the tests were started under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
