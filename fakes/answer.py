"""Watermarked questions and answers: what joins a caller's call to a provider's attempt.

A marked prompt carries, in its last user content, one mark::

    [[banstorm.<run>.<call>.<shape>.<words>.<crc>]]      e.g. [[banstorm.7f3a9c.12.text.24.5d0e11aa]]

and each of the answer's N words names the mark, the provider and its own place::

    ~<run>.<call>.<provider>.<k>.<N>.<check>             e.g. ~7f3a9c.12.anthropic.3.24.9b1c

A word counts as one token everywhere in banstorm, so loss is counted exactly: whoever counts the tildes that went
through a socket knows how many tokens did. Provider names must match ``[a-z][a-z0-9_-]*`` (no dots).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

WORD_SIGN: Final = "~"
TOOL_NAME: Final = "record_answer"
"""The tool that a `tool`-shaped call offers and forces; its arguments have the form of `ANSWER_SCHEMA`."""
ANSWER_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "length": {"type": "integer"}},
    "required": ["answer", "length"],
    "additionalProperties": False,
}
"""JSON schema of `json`- and `tool`-shaped answers: the words joined by spaces, and how many there are."""
WORDS_MAX: Final = 4096
"""Longest answer a mark may ask for, in words (= tokens)."""

_OPENING: Final = "[[banstorm."
_MARK = re.compile(r"\[\[banstorm\.([0-9a-f]{6})\.(\d{1,9})\.(text|json|tool)\.(\d{1,4})\.([0-9a-f]{8})\]\]")
_TOKEN = re.compile(r'~[^\s"\\]*')
_WORD = re.compile(r"~([0-9a-f]{6})\.(\d{1,9})\.([a-z][a-z0-9_-]*)\.(\d{1,4})\.(\d{1,4})\.([0-9a-f]{4})")


class Shape(StrEnum):
    """The form in which a caller wants its answer."""

    TEXT = "text"
    JSON = "json"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a marked prompt asks for: which run and call it belongs to, the answer's shape and length in words."""

    run: str
    call: int
    shape: Shape
    words: int

    def render(self) -> str:
        """The mark as it stands in a prompt."""
        head = f"banstorm.{self.run}.{self.call}.{self.shape.value}.{self.words}"
        return f"[[{head}.{zlib.crc32(head.encode()):08x}]]"


def find_mark(text: str) -> Mark | None:
    """The last mark of `text` whose checksum holds, or None."""
    if _OPENING not in text:  # what people ask
        return None
    for match in reversed(list(_MARK.finditer(text))):
        run, call, shape, words, _ = match.groups()
        mark = Mark(run, int(call), Shape(shape), int(words))
        if mark.render() == match.group() and 1 <= mark.words <= WORDS_MAX:
            return mark
    return None


def word(mark: Mark, provider: str, place: int) -> str:
    """Word number `place` (from 1) of the answer to `mark` by `provider`."""
    head = f"~{mark.run}.{mark.call}.{provider}.{place}.{mark.words}"
    return f"{head}.{zlib.crc32(head.encode()) & 0xFFFF:04x}"


def words(mark: Mark, provider: str) -> list[str]:
    """Every word of the answer to `mark` by `provider`, in order."""
    return [word(mark, provider, place) for place in range(1, mark.words + 1)]


def expected(mark: Mark, provider: str) -> str:
    """The canonical text of the answer to `mark` by `provider`."""
    return " ".join(words(mark, provider))


def expected_object(mark: Mark, provider: str) -> dict[str, Any]:
    """The canonical object of a `json`- or `tool`-shaped answer; it satisfies `ANSWER_SCHEMA`."""
    return {"answer": expected(mark, provider), "length": mark.words}


class Reading(StrEnum):
    """What a caller's text turned out to be, before the call's ending is looked at."""

    EXACT = "exact"
    STITCHED = "stitched"  # every place once and in order, but from more than one provider
    FOREIGN = "foreign"  # a word of another call
    CORRUPTED = "corrupted"  # a place repeats, skips or does not verify, or there is text that nobody sent
    PREFIX = "prefix"  # the first places, in order, and then nothing (or no place at all)


@dataclass(frozen=True, slots=True)
class Inspection:
    """How a text reads against its mark: the reading, how many words held, and who wrote them, in order."""

    reading: Reading
    places: int
    providers: tuple[str, ...]


def inspect(text: str, mark: Mark) -> Inspection:
    """Read `text` (an answer's text, or the JSON text of an object or of a tool's arguments) against `mark`.

    EXACT and STITCHED speak of the words alone: whether the rest is canonical (nothing around the words; the object
    parses and has the right keys) is for the caller to compare with `expected` or `expected_object`.
    """
    tokens = _TOKEN.findall(text)
    providers: list[str] = []
    held = 0
    for index, token in enumerate(tokens):
        match = _WORD.fullmatch(token)
        if match is None:
            torn = index == len(tokens) - 1 and _is_torn(token, mark, held + 1)
            return Inspection(Reading.PREFIX if torn else Reading.CORRUPTED, held, tuple(providers))
        run, call, provider, place, total, _ = match.groups()
        if run != mark.run or int(call) != mark.call:
            return Inspection(Reading.FOREIGN, held, tuple(providers))
        if int(place) != held + 1 or int(total) != mark.words or token != word(mark, provider, held + 1):
            return Inspection(Reading.CORRUPTED, held, tuple(providers))
        held += 1
        if not providers or providers[-1] != provider:
            providers.append(provider)
    if held < mark.words:
        unmarked = held == 0 and mark.shape is Shape.TEXT and text.strip() != ""
        return Inspection(Reading.CORRUPTED if unmarked else Reading.PREFIX, held, tuple(providers))
    return Inspection(Reading.EXACT if len(providers) == 1 else Reading.STITCHED, held, tuple(providers))


def _is_torn(token: str, mark: Mark, place: int) -> bool:
    """Whether `token` is the beginning of the word at `place`, cut off in the middle."""
    parts = token.split(".")
    if len(parts) < 3:  # run, call and provider: before the provider any such beginning fits
        return f"~{mark.run}.{mark.call}.".startswith(token)
    return word(mark, parts[2], place).startswith(token) or token == f"~{mark.run}.{mark.call}.{parts[2]}"
