"""Gemini: the functions a request declares, and which of them it wants called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ._gemini_complaints import complain, demand, field, invalid, listing, message_field
from ._gemini_schema import to_json_schema
from .base import Tool

_NAME: Final = re.compile(r"[A-Za-z_][\w.:-]*", re.ASCII)
_MODES: Final = {
    "MODE_UNSPECIFIED": "auto",
    "AUTO": "auto",
    "VALIDATED": "auto",
    "ANY": "any",
    "NONE": "none",
}
_NO_ARGUMENTS: Final = {"type": "object", "properties": {}}


def read_tools(document: Mapping[str, Any]) -> tuple[tuple[Tool, ...], str]:
    """The functions that may be called, and the choice among them as `Ask.tool_choice` has it."""
    tools = _declared(listing(field(document, "tools")))
    config = message_field(document, "toolConfig", "tool_config", "ToolConfig")
    calling = message_field(
        config, "functionCallingConfig", "tool_config.function_calling_config", "FunctionCallingConfig"
    )
    mode = calling.get("mode")
    choice = _MODES.get(mode.upper()) if isinstance(mode, str) else "auto" if mode is None else None
    if choice is None:
        invalid("tool_config.function_calling_config.mode", "FunctionCallingConfig.Mode", mode)
    allowed = listing(field(calling, "allowedFunctionNames"))
    if choice != "any":
        return tools, choice
    known = {tool.name for tool in tools}
    for name in allowed:
        if not isinstance(name, str) or name not in known:
            # no capture found; the words are ours
            demand(
                "tool_config.function_calling_config.allowed_function_names",
                "allowed_function_names must be names of declared functions.",
            )
    if len(allowed) == 1:
        return tools, f"tool:{allowed[0]}"
    if not tools:
        complain("Function calling config is set without function_declarations.")
    return tuple(tool for tool in tools if not allowed or tool.name in allowed), choice


def _declared(tools: list[Any]) -> tuple[Tool, ...]:
    """The declared functions; tools that the vendor runs itself (search, code) are none."""
    declared = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            invalid(f"tools[{index}]", "Tool", tool)
        for place, function in enumerate(listing(field(tool, "functionDeclarations"))):
            where = f"tools[{index}].function_declarations[{place}]"
            if not isinstance(function, dict):
                invalid(where, "FunctionDeclaration", function)
            name = function.get("name")
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                demand(
                    f"{where}.name",
                    "Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, "
                    "0-9), underscores (_), dots (.), colons (:), or dashes (-).",
                )
            declared.append(Tool(name, _parameters(function, where)))
    return tuple(declared)


def _parameters(function: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    given = field(function, "parametersJsonSchema")
    if given is not None:
        if not isinstance(given, dict):
            invalid(f"{where}.parameters_json_schema", "Schema", given)
        return given
    return to_json_schema(message_field(function, "parameters", f"{where}.parameters", "Schema")) or _NO_ARGUMENTS
