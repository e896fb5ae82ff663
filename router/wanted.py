"""What a caller wants of an answer, as far as it can be checked: a document, a call of a tool, a length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .messages import LLMRequest

LIMIT_TOLERANCE = 0.1
"""Vendors count the last tokens differently: only an answer that is a tenth shorter than its limit was cut short."""
CONTEXT_FULL = frozenset({"model_context_window_exceeded", "model_length"})
"""Vendors' own names for an end that no limit set: prompt and answer together fill what the model can read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller wants.

    Attributes:
        json: The text has to be a JSON document.
        schema: Which one; None for any object (OpenAI's `json_object`).
        call: A tool has to be called, this one or (if empty) any; None if it needn't be.
        tools: The parameters' schema of each tool that was offered.
        only_tools: Whether nothing else can have been offered, so that any other name is made up.
        legacy: Whether the caller speaks of functions, as until 2023, and wants to hear of them so.
        limit: Longest answer that was asked for, in tokens; None if nobody said.
    """

    json: bool = False
    schema: Any = None
    call: str | None = None
    tools: Mapping[str, Any] = field(default_factory=dict)
    only_tools: bool = False
    legacy: bool = False
    limit: int | None = None

    @property
    def object(self) -> bool:
        """Whether the document can be nothing but an object."""
        return self.schema is None or (isinstance(self.schema, dict) and self.schema.get("type") == "object")

    def cut_short(self, choice: Mapping[str, Any], usage: Any) -> str:
        """Why an answer that ended for reasons of length is shorter than it was asked to be, or nothing."""
        if choice.get("finish_reason") != "length" or self.limit is None or not isinstance(usage, dict):
            return ""
        if choice.get("native_finish_reason") in CONTEXT_FULL:
            return ""
        written = usage.get("completion_tokens")
        if not isinstance(written, int) or written <= 0 or written >= self.limit * (1 - LIMIT_TOLERANCE):
            return ""
        return f"it ended for reasons of length after {written} tokens, {self.limit} were asked for"


def wanted(request: LLMRequest, limit: int | None = None) -> Wanted:
    """What this request wants.

    Args:
        request: A chat request.
        limit: Longest answer that is asked for here, in tokens.
    """
    form = request.response_format
    schema = None
    if isinstance(form, dict) and isinstance(form.get("json_schema"), dict):
        schema = form["json_schema"].get("schema")
    return Wanted(
        request.wants_json,
        schema,
        request.demanded_call,
        _parameters(request.tools) if request.tools else {},
        request.native is None,
        "functions" in request.chat(),
        limit,
    )


def _parameters(tools: Any) -> dict[str, Any]:
    found = {}
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            found[function["name"]] = function.get("parameters")
    return found
