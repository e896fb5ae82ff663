"""Cohere's citations: an answer from documents names the first of them as the source of its first sentence.

Fields: the official SDK's types (7.3). Answers to marked prompts have none, since their words may stand but once.
"""

from __future__ import annotations

from typing import Any, Final

from .base import Answer, Ask

_OFF: Final = ("OFF", "off")


def first(ask: Ask, answer: Answer) -> dict[str, Any] | None:
    """The citation of an answer, None if it has none."""
    documents = ask.body.get("documents")
    if not documents or answer.tool is not None or ask.mark is not None or not answer.text:
        return None
    options = ask.body.get("citation_options")
    if isinstance(options, dict) and options.get("mode") in _OFF:
        return None
    end = answer.text.find(". ") + 1 or len(answer.text)
    given = documents[0].get("id") if isinstance(documents[0], dict) else None
    name = given.replace("~", "-") if isinstance(given, str) and given else "doc:0"
    return {
        "start": 0,
        "end": end,
        "text": answer.text[:end],
        "sources": [{"type": "document", "id": name, "document": {"id": name}}],
        "content_index": 1 if answer.reasoning_tokens else 0,
        "type": "TEXT_CONTENT",
    }
