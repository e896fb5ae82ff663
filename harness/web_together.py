"""What several runs say together, for the end of the live page: the same words as in repeat.md and the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ..reports.repeat import RepeatedOut, RepeatOut


def told(result: RepeatOut, folder: Path) -> dict[str, Any]:
    """The part of the page's document that tells it.

    Args:
        result: What the runs say.
        folder: Where that was written.
    """
    from ..reports import repeat_markdown

    return {
        "verdict": result.verdict.value,
        "complete": result.complete,
        "command": result.command,
        "method": result.method,
        "file": str(folder / repeat_markdown.FILE),
        "scenarios": [_scenario(each) for each in result.scenarios],
    }


def _scenario(each: RepeatedOut) -> dict[str, Any]:
    from ..reports.plain import plain
    from ..reports.repeat import counts, spread_of

    return {
        "name": each.scenario,
        "title": each.title,
        "target": each.target,
        "verdict": each.verdict.value,
        "counts": counts(each),
        "measures": [
            {"question": plain(one.measure).question, "spread": spread_of(one), "held": one.held}
            for one in each.measures
        ],
    }
