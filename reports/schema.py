"""The JSON Schemas of what reports write as JSON, each generated from its model.

``python -P -m banstorm.reports.schema`` writes the files again, and so does ``make docs``; `banstorm schema NAME`
prints one. They say what this version writes; a reader of ours takes what an earlier one wrote as well.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

DOCUMENTS: Final = {
    "report": ("result", "Result"),
    "compare": ("comparison", "ComparisonOut"),
    "repeat": ("repeat", "RepeatOut"),
    "history": ("trends", "HistoryOut"),
    "scorecard": ("scorecard", "Scorecard"),
}
"""The documents, as their files are called without .json, with the module and the model that each is the dump of."""


def path(document: str) -> Path:
    """The published schema of a document."""
    return Path(__file__).with_name(f"{document}.schema.json")


def model(document: str) -> type[BaseModel]:
    """What a document is the dump of.

    Raises:
        KeyError: when there is no such document.
    """
    module, name = DOCUMENTS[document]
    found: type[BaseModel] = getattr(import_module(f".{module}", __package__), name)
    return found


def schema(document: str) -> dict[str, Any]:
    """The schema as the model says it."""
    said = model(document).model_json_schema(mode="serialization")
    for each in _objects(said):
        # Everything is written, also what has the value that stands where none is given.
        each["required"] = list(each["properties"])
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"banstorm {document}"}
    return head | {key: value for key, value in said.items() if key != "title"}


def _objects(said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a schema that stand for a model each."""
    yield from (each for each in (said, *said.get("$defs", {}).values()) if "properties" in each)


def text(document: str) -> str:
    """The file's text."""
    return json.dumps(schema(document), indent=1) + "\n"


if __name__ == "__main__":
    for each in DOCUMENTS:
        path(each).write_text(text(each), "utf-8")
