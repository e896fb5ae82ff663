"""The README's table of real routers, from the committed scorecard."""

from __future__ import annotations

from pathlib import Path

from banstorm.reports import scorecard
from banstorm.reports.scorecard_markdown import matrix

FOLDER = Path(__file__).parent.parent / "docs" / "scorecard"


def table() -> str:
    """A row a target, a column a scenario."""
    return matrix(scorecard.read(FOLDER), {})
