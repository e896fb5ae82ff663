"""The JSON Schema of scenario files: the model's own, with the names of faults, dialects and measures filled in."""

from __future__ import annotations

import json
from typing import Any

from ..reports import measures
from ..scenarios.model import Scenario
from .registry import registry


def schema() -> dict[str, Any]:
    """The schema, for editors (completion, hover) and for checking files by other tools."""
    names = registry()
    whole = Scenario.model_json_schema(by_alias=True)
    definitions = whole["$defs"]
    definitions["Provider"]["properties"]["dialect"]["enum"] = sorted(names.dialects)
    entry = definitions["Entry"]
    entry["properties"]["fault"]["enum"] = sorted(names.faults)
    entry["properties"]["fault"].pop("type", None)
    entry["allOf"] = [_parameters(name, definitions) for name in sorted(names.faults)]
    whole["properties"]["expect"] = {
        "type": "object",
        "description": "measure: limit",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {name: _limit(name) for name in measures.names()},
    }
    definitions.pop("Expectation", None)
    whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    whole["title"] = "banstorm scenario"
    return whole


def _parameters(fault: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """If the entry plays `fault`, its `with` has that fault's parameters."""
    rule = registry().faults[fault]
    parameters = rule.parameters.model_json_schema(by_alias=True)
    definitions.update(parameters.pop("$defs", {}))
    parameters["description"] = rule.summary
    return {
        "if": {"properties": {"fault": {"const": fault}}, "required": ["fault"]},
        "then": {"properties": {"with": parameters}},
    }


def _limit(name: str) -> dict[str, Any]:
    """What may stand behind a measure: a limit, or one limit a statistic."""
    measure = measures.find(name)
    limit = {"type": ["string", "number"], "description": measure.definition}
    if not measure.statistics:
        return limit
    return {
        "type": "object",
        "description": measure.definition,
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {each: {"type": ["string", "number"]} for each in measure.statistics},
    }


def text() -> str:
    """The schema as the file `scenarios/schema.json` has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
