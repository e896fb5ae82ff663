"""Gemini's contents: what was said by whom, in parts, with functions called and their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from . import _tokens
from ._gemini_complaints import complain, demand, field, invalid, listing

_BESIDE_DATA: Final = frozenset(
    {"thought", "thoughtSignature", "thought_signature", "videoMetadata", "video_metadata", "partMetadata"}
)
"""Keys of a part that say something about its data and are none."""


@dataclass(slots=True)
class Conversation:
    """What the contents say: the last user content's text, letters in all, and how the conversation stands.

    `sent_letters` in `sent_contents` were sent before: they stand before the last answer.
    """

    text: str = ""
    letters: int = 0
    sent_letters: int = 0
    sent_contents: int = 0
    answered: bool = False
    after_tool: bool = False


def read_contents(contents: list[Any]) -> Conversation:
    """Read the contents as the vendor validates them: roles, parts, and as many results as there were calls."""
    read = Conversation()
    open_calls = 0
    for index, content in enumerate(contents):
        where = f"contents[{index}]"
        if not isinstance(content, dict):
            invalid(where, "Content", content)
        role = content.get("role") or "user"
        if role not in ("user", "model", "function"):
            complain("Please use a valid role: user, model.")
        if role == "model":
            read.sent_letters, read.sent_contents = read.letters, index
        text, calls, results = read_parts(content, where)
        read.letters += len(text) + _letters_of_functions(content)
        if (open_calls and not results) or results > open_calls:
            _miscounted()
        open_calls -= results  # results may come in several contents, one after the other
        read.after_tool = False
        if role == "model":
            read.answered = True
            open_calls = calls
        else:
            read.after_tool = results > 0
            if text or not results:  # a turn that only brings a function's result leaves the question standing
                read.text = text
    if read.after_tool and open_calls:
        _miscounted()
    return read


def _miscounted() -> None:
    # google-gemini/gemini-cli#16984
    complain(
        "Please ensure that the number of function response parts is equal to the number of function call parts of "
        "the function call turn."
    )


def read_parts(content: Mapping[str, Any], where: str) -> tuple[str, int, int]:
    """A content's text, without thoughts; how many functions it calls; how many results it brings."""
    parts = listing(content.get("parts"))
    if not parts:  # evalstate/fast-agent#205
        demand(f"{where}.parts", "contents.parts must not be empty.")
    texts = []
    calls = results = 0
    for place, part in enumerate(parts):
        if not isinstance(part, dict):
            invalid(f"{where}.parts[{place}]", "Part", part)
        if part.keys() <= _BESIDE_DATA:  # boldsoftware/sketch#68
            demand(f"{where}.parts[{place}].data", "required oneof field 'data' must have one initialized field")
        text = part.get("text")
        if text is not None:
            if not isinstance(text, str):
                invalid(f"{where}.parts[{place}]", "TYPE_STRING", text)
            if part.get("thought") is not True:
                texts.append(text)
        calls += field(part, "functionCall") is not None
        results += field(part, "functionResponse") is not None
    return "\n".join(texts), calls, results


def _letters_of_functions(content: Mapping[str, Any]) -> int:
    """Letters that calls and results add to the prompt, as JSON."""
    found = 0
    for part in listing(content.get("parts")):
        for name in ("functionCall", "functionResponse"):
            value = field(part, name)
            if value is not None:
                found += _tokens.written(value)
    return found
