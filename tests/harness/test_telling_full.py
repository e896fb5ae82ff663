"""Telling a run to a place that takes no more words."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstorm.harness.lines import tell

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_below_the_output_does_not_end_the_run() -> None:
    """Lines that can't be written for want of room go nowhere, and neither telling nor closing raises."""
    with FULL.open("w", encoding="utf-8") as stream:
        tell(stream, ["one"])
        tell(stream, ["two"])
