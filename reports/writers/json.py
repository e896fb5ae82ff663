"""report.json: the result itself."""

from __future__ import annotations

from typing import Final

from ..result import Result

FILE: Final = "report.json"


def render(result: Result) -> str:
    """The result as indented JSON, as `report.schema.json` describes it."""
    return result.model_dump_json(indent=1) + "\n"
