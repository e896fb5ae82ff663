"""The system prompt of a request, wherever its vendor's format has it, and patterns to know one by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

LETTERS_MAX: Final = 65_536
"""Letters of a system prompt that are looked at."""
_PLACES: Final = ("system", "instructions", "systemInstruction", "system_instruction")
_CONVERSATIONS: Final = ("messages", "input")
_ROLES: Final = frozenset({"system", "developer"})


def system_prompt(body: Mapping[str, Any]) -> str:
    """The system prompt of a request's JSON body, its parts joined by line breaks; empty if it has none."""
    parts = [text for place in _PLACES for text in _texts(body.get(place))]
    for place in _CONVERSATIONS:
        turns = body.get(place)
        for turn in turns if isinstance(turns, list) else ():
            if isinstance(turn, dict) and turn.get("role") in _ROLES:
                parts += _texts(turn.get("content"))
    return "\n".join(parts)[:LETTERS_MAX]


def matches(text: str, pattern: str) -> bool:
    """Whether the text contains the pattern, in which ``*`` stands for anything; capitals make no difference."""
    folded, place = text.casefold(), 0
    for part in pattern.casefold().split("*"):
        place = folded.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


def _texts(value: Any) -> Iterator[str]:
    """A text, or the texts of a list of parts, or of an object with `parts`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str))
    elif isinstance(value, dict):
        yield from _texts(value.get("parts"))
