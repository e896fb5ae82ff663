"""The JSON Schema of report.json, generated from `Result`; ``python -P -m banstorm.reports.schema`` writes it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from .result import Result

PATH: Final = Path(__file__).with_name("report.schema.json")
"""The published schema."""


def report_schema() -> dict[str, Any]:
    """The schema as the model says it."""
    schema = Result.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "banstorm report", **schema}


def text() -> str:
    """The file's text."""
    return json.dumps(report_schema(), indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
