"""An answer that is already begun: an assistant's turn at the end of the conversation, which a model goes on with."""

from __future__ import annotations

from typing import Any, Final

from .answer import inspect
from .dialects.base import Ask

_SPEAKERS: Final = frozenset({"assistant", "model"})
"""Who the model is in a conversation, by vendor."""


def words_begun(ask: Ask) -> int:
    """How many words of the mark the last turn already has, if it is the model's own; whoever wrote them."""
    if ask.mark is None:
        return 0
    turns = ask.body.get("messages") or ask.body.get("contents")
    last = turns[-1] if isinstance(turns, list) and turns else None
    if not isinstance(last, dict) or last.get("role") not in _SPEAKERS:
        return 0
    return inspect(_text(last.get("content", last.get("parts"))), ask.mark).places


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))
