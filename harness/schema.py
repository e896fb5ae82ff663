"""The JSON Schema of scenario files: the model's own, with the names that the registry has filled in."""

from __future__ import annotations

import json
from typing import Any

from ..reports import measures
from ..scenarios.entry import RHYTHM, SELECTORS
from ..scenarios.model import Scenario
from ..scenarios.registry import EventRule, FaultRule, StandingRule
from .registry import registry


def schema() -> dict[str, Any]:
    """The schema, for editors (completion, hover) and for checking files by other tools."""
    names = registry()
    whole = Scenario.model_json_schema(by_alias=True)
    definitions = whole["$defs"]
    definitions["Provider"]["properties"]["dialect"]["enum"] = sorted(names.dialects)
    entry = definitions["Entry"]
    entry["oneOf"] = [{"required": [kind, "on"]} for kind in ("fault", "standing")] + [{"required": ["event"]}]
    entry["allOf"] = []
    for kind, rules in (("fault", names.faults), ("standing", names.standings)):
        key = entry["properties"][kind]
        entry["properties"][kind] = {"description": key["description"], "title": key["title"], "enum": sorted(rules)}
        entry["allOf"] += [_parameters(kind, name, rules[name], definitions) for name in sorted(rules)]
    key = entry["properties"]["event"]
    entry["properties"]["event"] = {
        "description": key["description"],
        "title": key["title"],
        "enum": sorted(names.events),
    }
    entry["allOf"] += [_event(name, names.events[name]) for name in sorted(names.events)]
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
    if rule.selectors is not None:
        narrower = {"share", *SELECTORS, *RHYTHM} - rule.selectors
        then["properties"] |= dict.fromkeys(sorted(narrower), False)
        if "share" in rule.selectors:
            then["properties"]["share"] = {"type": "string"}
    return {"if": {"properties": {kind: {"const": name}}, "required": [kind]}, "then": then}


def _event(name: str, rule: EventRule) -> dict[str, Any]:
    """If the entry is this event, it has what the event may have and nothing else."""
    allowed = {"at", "event"} | ({"until"} if rule.lasts else set()) | ({"share"} if rule.shares else set())
    then: dict[str, Any] = {
        "description": rule.summary,
        "propertyNames": {"enum": sorted(allowed)},
        "properties": {"share": {"type": "string"}} if rule.shares else {},
    }
    if rule.lasts:
        then["required"] = ["until"]
    return {"if": {"properties": {"event": {"const": name}}, "required": ["event"]}, "then": then}


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
