"""One rule of canned answers: which requests it is for, and what is said to them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from .dialects.base import Answer, Ask, Dialect, Reply

TEXT_LETTERS_MAX: Final = 1024 * 1024
"""Letters of a prompt that a rule looks at; a longer one is taken for its beginning."""
MAIN: Final = frozenset({"chat", "request"})
"""What providers are there for: a model's vendor to chat, any other service to be asked."""

_TOKENS: Final = re.compile(r"\s*\S+\s*|\s+")
_JSON_TOKENS: Final = re.compile(r"\S{1,8}\s*|\s+")


class Glob:
    """A pattern in which `*` stands for any text, nothing and line ends included; every other sign for itself.

    Its parts are looked for one after the other, so the time it takes grows with the text alone, whatever the pattern.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._first, *self._rest = pattern.split("*")

    def matches(self, text: str) -> bool:
        """Whether the whole of `text` is what the pattern says."""
        if not self._rest:
            return text == self._first
        *middle, last = self._rest
        if len(text) < len(self._first) + len(last) or not text.startswith(self._first) or not text.endswith(last):
            return False
        place, end = len(self._first), len(text) - len(last)
        for part in middle:
            place = text.find(part, place, end)
            if place < 0:
                return False
            place += len(part)
        return True


@dataclass(frozen=True, slots=True)
class When:
    """The requests that a rule is for: those of which everything holds that is not None.

    Attributes:
        contains: A text somewhere in the last user content.
        equals: The last user content, blanks around it aside.
        like: A glob over the last user content.
        model: A glob over the model's name.
        provider: The provider asked.
        stream: Whether a stream is asked for.
        tools: Whether tools are offered, or the name of one that is.
        after_tool_result: Whether a tool's result is the last thing said.
        operation: The operation, as dialects call it; without it what the provider is there for.
        nth: Only this one (from 1) of the requests that fit otherwise.
        first: Only as many of those, from the first on.
        every: Only each so-manieth of those.
    """

    contains: str | None = None
    equals: str | None = None
    like: Glob | None = None
    model: Glob | None = None
    provider: str | None = None
    stream: bool | None = None
    tools: bool | str | None = None
    after_tool_result: bool | None = None
    operation: str | None = None
    nth: int | None = None
    first: int | None = None
    every: int | None = None

    def fits(self, ask: Ask, provider: str) -> bool:
        """Whether all but the count holds."""
        return (
            (self.operation == ask.operation if self.operation is not None else ask.operation in MAIN)
            and self.provider in (None, provider)
            and self.stream in (None, ask.stream)
            and self.after_tool_result in (None, ask.after_tool_result)
            and self._tools_fit(ask)
            and (self.model is None or self.model.matches(ask.model))
            and self._text_fits(ask.text)
        )

    def counts(self, number: int) -> bool:
        """Whether the request that is number `number` (from 1) of those that fit gets the answer."""
        if self.nth is not None:
            return number == self.nth
        if self.first is not None:
            return number <= self.first
        return self.every is None or number % self.every == 0

    def _tools_fit(self, ask: Ask) -> bool:
        if isinstance(self.tools, str):
            return any(tool.name == self.tools for tool in ask.tools)
        return self.tools in (None, bool(ask.tools))

    def _text_fits(self, text: str) -> bool:
        text = text[:TEXT_LETTERS_MAX]
        return (
            (self.contains is None or self.contains in text)
            and (self.equals is None or self.equals.strip() == text.strip())
            and (self.like is None or self.like.matches(text))
        )


@dataclass(frozen=True, slots=True)
class Say:
    """What is said: words or a tool call's arguments, in pieces.

    Figures that are None are those of a composed answer. They are what the answer reports, not what is billed.
    """

    pieces: tuple[str, ...]
    tool: str | None = None
    finish: str = "stop"
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None

    @classmethod
    def words(cls, text: str, **rest: Any) -> Say:
        """A text, a word a token; one of no letters is a token too, since a stream needs something to carry."""
        return cls(tuple(_TOKENS.findall(text)) or ("",), **rest)

    @classmethod
    def document(cls, value: Any, **rest: Any) -> Say:
        """A JSON document, some letters a token."""
        return cls(tuple(_JSON_TOKENS.findall(orjson.dumps(value).decode())), **rest)

    def answer(self, ask: Ask, *, id_seed: int, created_s: int) -> Answer:
        """The answer to `ask`."""
        thought = ask.thought_tokens
        output = thought + len(self.pieces) if self.output_tokens is None else self.output_tokens
        read = ask.input_tokens if self.input_tokens is None else self.input_tokens
        cached = ask.cached_tokens if self.cached_tokens is None else self.cached_tokens
        return Answer(
            pieces=self.pieces,
            tool=self.tool,
            finish=self.finish,
            input_tokens=read,
            output_tokens=output,
            id_seed=id_seed,
            created_s=created_s,
            cached_tokens=min(cached, read),
            reasoning_tokens=min(thought, output),
        )


@dataclass(frozen=True, slots=True)
class Fail:
    """A failure of the vendor's, and the providers that have it."""

    kind: str
    details: Mapping[str, Any]
    dialects: Mapping[str, Dialect] = field(repr=False)


@dataclass(slots=True)
class Rule:
    """A rule and how many requests fitted it so far."""

    when: When
    what: Say | Fail
    place: int
    line: int
    fitted: int = 0

    def answer(self, ask: Ask, provider: str, *, id_seed: int, created_s: int) -> Answer | Reply | None:
        """What this rule says to `ask`, or None if it is for another; a request that fits is counted."""
        if not self.when.fits(ask, provider):
            return None
        if isinstance(self.what, Fail):
            if provider not in self.what.dialects:
                return None
        elif ask.operation != "chat":  # a service's answers are in its own file
            return None
        self.fitted += 1
        if not self.when.counts(self.fitted):
            return None
        # ids differ between rules, as two answers to the same question have at every vendor
        digest = hashlib.blake2b(f"{id_seed}\x1fcanned\x1f{self.place}".encode(), digest_size=7).digest()
        seed = int.from_bytes(digest, "big")
        if isinstance(self.what, Fail):
            return self.what.dialects[provider].failure(self.what.kind, self.what.details, id_seed=seed, ask=ask)
        return self.what.answer(ask, id_seed=seed, created_s=created_s)
