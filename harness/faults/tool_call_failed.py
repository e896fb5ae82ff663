"""The model wrote a tool call that is none."""

from __future__ import annotations

from .spoken import Spoken


class ToolCallFailed(Spoken):
    """Refuse every request because the model wrote a tool call, or JSON, that is none (Groq's 400): a retry may help.

    The variant `schema` names what did not match, `json` is about structured output.
    """

    failure_kind = "tool_call_failed"


FAULT = ToolCallFailed
