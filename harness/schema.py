"""The JSON Schema of scenario files: the model's own, with the names that the registry has filled in."""

from __future__ import annotations

import json
from typing import Any

from ..reports import measures
from ..scenarios.entry import RHYTHM, SELECTORS
from ..scenarios.model import Scenario
from ..scenarios.registry import FaultRule, StandingRule
from .registry import registry


def schema() -> dict[str, Any]:
    """The schema, for editors (completion, hover) and for checking files by other tools."""
    names = registry()
    whole = Scenario.model_json_schema(by_alias=True)
    definitions = whole["$defs"]
    definitions["Provider"]["properties"]["dialect"]["enum"] = sorted(names.dialects)
    entry = definitions["Entry"]
    entry["oneOf"] = [{"required": [kind]} for kind in ("fault", "standing")]
    entry["allOf"] = []
    for kind, rules in (("fault", names.faults), ("standing", names.standings)):
        key = entry["properties"][kind]
        entry["properties"][kind] = {"description": key["description"], "title": key["title"], "enum": sorted(rules)}
        entry["allOf"] += [_parameters(kind, name, rules[name], definitions) for name in sorted(rules)]
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


def _parameters(kind: str, name: str, rule: FaultRule | StandingRule, definitions: dict[str, Any]) -> dict[str, Any]:
    """If the entry plays this fault or standing, its `with` has that one's parameters."""
    parameters = rule.parameters.model_json_schema(by_alias=True)
    definitions.update(parameters.pop("$defs", {}))
    parameters["description"] = rule.summary
    then: dict[str, Any] = {"properties": {"with": parameters}}
    if parameters.get("required"):
        then["required"] = ["with"]
    if isinstance(rule, StandingRule):
        narrower = {"share", *SELECTORS, *RHYTHM} - rule.selectors
        then["properties"] |= dict.fromkeys(sorted(narrower), False)
        if "share" in rule.selectors:
            then["properties"]["share"] = {"type": "string"}
    return {"if": {"properties": {kind: {"const": name}}, "required": [kind]}, "then": then}


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
