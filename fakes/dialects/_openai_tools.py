"""OpenAI chat completions: the tools a request offers and which of them it wants called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._openai_complaints import maybe, missing, refuse, shown, wrong_type
from .base import Tool


def read_tools(tools: list[Any]) -> tuple[Tool, ...]:
    """The functions that are offered."""
    read_tools = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            wrong_type(f"tools[{index}]", "an object", tool)
        if tool.get("type") == "custom":  # free-form input; nothing to fill a schema for
            continue
        if tool.get("type") != "function":
            refuse(
                "bad_request",
                message=f"Invalid value: {shown(tool.get('type'))}. Supported values are: 'function' and 'custom'.",
                param=f"tools[{index}].type",
                code="invalid_value",
            )
        function = tool.get("function")
        if not isinstance(function, dict):
            missing(f"tools[{index}].function", function, "an object")
        name = function.get("name")
        if not isinstance(name, str) or not name:
            missing(f"tools[{index}].function.name", name, "a string")
        parameters = function.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            wrong_type(f"tools[{index}].function.parameters", "an object", parameters)
        read_tools.append(Tool(name, parameters or {"type": "object", "properties": {}}))
    return tuple(read_tools)


def read_choice(choice: Any, tools: tuple[Tool, ...]) -> str:
    """Every form of `tool_choice`, as `Ask.tool_choice` has it."""
    if choice is None:
        return "auto"
    if not tools and choice != "none":
        refuse(
            "bad_request",
            message="Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
            param="tool_choice",
        )
    if choice in ("auto", "none"):
        return str(choice)
    if choice == "required":
        return "any"
    if isinstance(choice, dict):
        if choice.get("type") == "allowed_tools":
            return _read_allowed(choice.get("allowed_tools"))
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if choice.get("type") == "function" and isinstance(name, str):
            if all(tool.name != name for tool in tools):
                refuse(
                    "bad_request",
                    message=f"Tool choice '{name}' not found in 'tools' parameter.",
                    param="tool_choice",
                )
            return f"tool:{name}"
    return refuse(
        "bad_request",
        message=f"Invalid value: {shown(choice)}. Supported values are: 'none', 'auto', and 'required'.",
        param="tool_choice",
        code="invalid_value",
    )


def _read_allowed(allowed: Any) -> str:
    """`allowed_tools` narrows the choice: one allowed tool that is required is a forced tool."""
    if not isinstance(allowed, dict) or not isinstance(allowed.get("tools"), list):
        missing("tool_choice.allowed_tools", allowed, "an object")
    if allowed.get("mode") != "required":
        return "auto"
    functions = [tool.get("function") for tool in allowed["tools"] if isinstance(tool, dict)]
    names = [function.get("name") for function in functions if isinstance(function, dict)]
    return f"tool:{names[0]}" if names else "any"


def read_functions(document: Mapping[str, Any]) -> tuple[tuple[Tool, ...], str]:
    """What `functions` and `function_call` say, which tools have replaced: they offer and choose the same way."""
    functions = maybe(document, "functions", list, "an array of objects") or []
    for index, function in enumerate(functions):
        if not isinstance(function, dict):
            wrong_type(f"functions[{index}]", "an object", function)
        if not isinstance(function.get("name"), str) or not function["name"]:
            missing(f"functions[{index}].name", function.get("name") or None, "a string")
    tools = read_tools([{"type": "function", "function": function} for function in functions])
    choice = document.get("function_call")
    if isinstance(choice, dict):
        choice = {"type": "function", "function": choice}
    if choice == "required":  # that came with tools
        refuse(
            "bad_request",
            message="Invalid value: 'required'. Supported values are: 'none' and 'auto'.",
            param="function_call",
            code="invalid_value",
        )
    return tools, read_choice(choice, tools)
