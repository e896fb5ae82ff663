"""From what was asked to what is said.

A marked prompt gets exactly the words of its mark, through whatever form the request allows: text, a JSON document of
the schema asked for, or a tool's arguments. Any other prompt gets a plausible answer that is a pure function of it.
Pieces are tokens: each carries at most one word of the mark, and `max_tokens` counts them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from .answer import TOOL_NAME, WORD_SIGN, Mark, Shape, expected, expected_object, words
from .dialects.base import Answer, Ask, Call, Tool
from .filler import fill, holds_answer
from .prefill import words_begun

_WITH_BLANKS: Final = re.compile(r"\s*\S+\s*")
_JSON_TOKENS: Final = re.compile(r'[^"\s]{0,8}(?:"|\s+)?|\s+', re.DOTALL)
CALLS_MAX: Final = 8
"""Most tools that one answer calls."""
_SHOWN_LETTERS: Final = 60
"""Letters of the question that an unmarked answer repeats."""


def compose(ask: Ask, provider: str, *, id_seed: int, created_s: int) -> Answer:
    """The answer to `ask`, by the fake called `provider`."""
    if ask.operation != "chat":
        return Answer((), None, "stop", ask.input_tokens, 0, id_seed, created_s, ask.cached_tokens)
    tool = _choose_tool(ask) if ask.tools else None
    name: str | None = None
    calls: list[Call] = []
    if tool is not None:
        tools = _together(ask, tool) if ask.parallel else [tool]
        calls = [Call(each.name, tuple(_json_pieces(_document(ask, provider, each.parameters)))) for each in tools]
        pieces = [piece for call in calls for piece in call.pieces]
        name, finish = calls[0].name, "tool"
    else:
        # Each piece has one word, so what the last turn has of them is left out by counting.
        pieces = _text_or_document(ask, provider)[words_begun(ask) :]
        finish = "stop"
    stopped_by = None
    if ask.stop and tool is None:
        pieces, stopped_by = _stop(pieces, ask.stop)
    reasoning = ask.thought_tokens if ask.reasoning_tokens else 0
    if ask.max_tokens is not None and reasoning + len(pieces) > ask.max_tokens:
        pieces = pieces[: ask.max_tokens - reasoning]
        finish, stopped_by = "length", None
        calls = _begun(calls, len(pieces))
    return Answer(
        tuple(pieces),
        name,
        finish,
        ask.input_tokens,
        reasoning + len(pieces),
        id_seed,
        created_s,
        ask.cached_tokens,
        reasoning,
        stopped_by,
        tuple(calls) if len(calls) > 1 else (),
    )


def _stop(pieces: list[str], stops: Sequence[str]) -> tuple[list[str], str | None]:
    """The pieces before the first of `stops` in them, and which one that is."""
    text = "".join(pieces)
    found = [(place, stop) for stop in stops if (place := text.find(stop)) >= 0]
    if not found:
        return pieces, None
    place, stop = min(found)
    kept = []
    for piece in pieces:
        if place <= 0:
            break
        kept.append(piece[:place])
        place -= len(piece)
    return kept, stop


def _choose_tool(ask: Ask) -> Tool | None:
    """The tool to call of those offered: a forced one always, an offered one where a model would."""
    if ask.tool_choice == "none":
        return None
    if ask.tool_choice.startswith("tool:"):
        name = ask.tool_choice.removeprefix("tool:")
        return next((tool for tool in ask.tools if tool.name == name), None)
    if ask.tool_choice == "any":
        return next((tool for tool in ask.tools if tool.name == TOOL_NAME), ask.tools[0])
    if ask.after_tool_result:
        return None
    if ask.mark is None:
        return ask.tools[0] if ask.first_turn else None
    if ask.mark.shape is Shape.TEXT or ask.schema is not None:
        return None
    # routers rewrite a JSON answer into an offered tool and back
    return next((tool for tool in ask.tools if tool.name == TOOL_NAME or holds_answer(tool.parameters)), None)


def _together(ask: Ask, chosen: Tool) -> list[Tool]:
    """The tools that are called at once: those that an unmarked prompt names, else the chosen one alone."""
    if ask.mark is not None or ask.tool_choice not in ("auto", "any"):
        return [chosen]
    named = [tool for tool in ask.tools if re.search(rf"(?<![\w-]){re.escape(tool.name)}(?![\w-])", ask.text)]
    return named[:CALLS_MAX] or [chosen]


def _begun(calls: Sequence[Call], room: int) -> list[Call]:
    """The calls that the first `room` tokens hold, the last of them perhaps cut short."""
    begun = []
    for call in calls:
        if room <= 0:
            break
        begun.append(Call(call.name, call.pieces[:room]))
        room -= len(call.pieces)
    return begun


def _text_or_document(ask: Ask, provider: str) -> list[str]:
    if ask.schema is not None:
        return _json_pieces(_document(ask, provider, ask.schema))
    if ask.mark is None:
        return _small_pieces(ask)
    if ask.mark.shape is Shape.TEXT or ask.after_tool_result or ask.tool_choice == "none":
        return _word_pieces(ask.mark, provider)
    # a JSON document was wanted, but the request has no field that asks for it: the prompt does
    return _json_pieces(expected_object(ask.mark, provider))


def _document(ask: Ask, provider: str, schema: Mapping[str, Any]) -> Any:
    if ask.mark is not None:
        return fill(schema, expected(ask.mark, provider), expected_object(ask.mark, provider))
    return fill(schema, _small_talk(ask), None)


def _word_pieces(mark: Mark, provider: str) -> list[str]:
    pieces = [word + " " for word in words(mark, provider)]
    pieces[-1] = pieces[-1][:-1]
    return pieces


def _json_pieces(document: Any) -> list[str]:
    """The JSON text, cut before each word of the mark but the first; text without such words in pieces of its own."""
    text = orjson.dumps(document).decode()
    head, *rest = text.split(WORD_SIGN)
    if not rest:
        return [piece for piece in _JSON_TOKENS.findall(text) if piece]
    return [head + WORD_SIGN + rest[0], *(WORD_SIGN + part for part in rest[1:])]


def _small_talk(ask: Ask) -> str:
    """A plausible answer to an unmarked prompt."""
    return "".join(_small_pieces(ask))


def _small_pieces(ask: Ask) -> list[str]:
    """Its words, each with the blank behind it."""
    question = " ".join(ask.text.split())
    shown = question[:_SHOWN_LETTERS].replace(WORD_SIGN, "-")
    more = "…" if len(question) > _SHOWN_LETTERS else ""
    opening = zlib.crc32(ask.text.encode("utf-8", "replace")) % len(_OPENINGS)
    if ask.after_tool_result:
        return _AFTER_TOOL[opening] + _cut(shown + more)
    return _ASKED[opening] + _cut(shown + more) if shown else _ALONE[opening].copy()


def _cut(words: str) -> list[str]:
    """Words with one blank between them, each with that behind it: what `_WITH_BLANKS` finds, in half the time."""
    return words.replace(" ", " \n").split("\n") if words else []


_OPENINGS: Final = (
    "This answer comes from a stand-in provider and is the same every time.",
    "No model was asked: this is a rehearsed answer, and it never changes.",
    "A stand-in speaks here; the same question gets the same words.",
    "Here is a made-up answer, repeatable to the letter.",
)
# cut into words once, not for every answer
_ALONE: Final = [_WITH_BLANKS.findall(each) for each in _OPENINGS]
_ASKED: Final = [_WITH_BLANKS.findall(f"{each} You asked: ") for each in _OPENINGS]
_AFTER_TOOL: Final = [
    _WITH_BLANKS.findall(f"{each} The tool has answered, and that settles it. You asked: ") for each in _OPENINGS
]
