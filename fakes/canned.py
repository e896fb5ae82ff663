"""Canned answers: what a fake says to requests that a user's own file has rules for.

The file is a YAML list of rules, read from the top; the first that fits answers, and what none fits is answered as
usual::

    - when: {contains: refund, model: "gpt-5*", nth: 1}   # all conditions must hold; without any: every chat
      text: We refund within 14 days.
    - when: {tools: get_weather, after_tool_result: false}
      tool: {name: get_weather, arguments: {city: Oslo}}
    - when: {equals: "Where is it?", provider: anthropic, stream: true}
      json: {city: Oslo, degrees: 4}
      usage: {input_tokens: 12, output_tokens: 9}
    - when: {like: "*urgent*", every: 3}
      failure: {kind: rate_limited, retry_after: 7}

An answer is said as it is written: neither `max_tokens` nor stop sequences cut it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import orjson

from .canned_document import CannedError, Spot, nearest, read
from .canned_failure import failure
from .canned_rule import Fail, Glob, Rule, Say, When
from .dialects.base import Answer, Ask, Dialect, Reply

__all__ = ["CannedAnswers", "CannedError"]

RULES_MAX: Final = 1000
"""Most rules in a file."""
FIGURE_MAX: Final = 1_000_000_000
"""Largest count of tokens or requests."""
OPERATIONS: Final = ("chat", "count_tokens", "embeddings", "model", "models", "request")
"""What a rule may be for; all but "chat" can only be given failures."""

_KINDS: Final = ("failure", "json", "text", "tool")
_CONDITIONS: Final = frozenset(When.__dataclass_fields__)
_COUNTS: Final = ("every", "first", "nth")
_USAGE: Final = ("cached_tokens", "input_tokens", "output_tokens")


class CannedAnswers:
    """Rules, the first of which that fits answers; a `Script`."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules

    @classmethod
    def load(cls, path: Path, dialects: Mapping[str, Dialect]) -> Self:
        """The rules in the file at `path`, for the providers of these names.

        Raises:
            CannedError: when the file can't be read or has a mistake; it says where.
        """
        return cls.build(read(path), dialects)

    @classmethod
    def build(cls, document: Spot, dialects: Mapping[str, Dialect]) -> Self:
        """The rules in `document`.

        Raises:
            CannedError: at the first mistake.
        """
        if not isinstance(document.value, list):
            raise document.wrong("a list of rules", "begin each rule with a dash: `- text: Hello.`")
        if len(document.value) > RULES_MAX:
            raise document.wrong(f"at most {RULES_MAX} rules", "serve providers separately, with a file each")
        return cls([_rule(place, spot, dialects) for place, spot in enumerate(document.value)])

    def answer(self, ask: Ask, provider: str, *, id_seed: int, created_s: int) -> Answer | Reply | None:
        """What the first rule that fits says to `ask`; None if there is none."""
        for rule in self.rules:
            said = rule.answer(ask, provider, id_seed=id_seed, created_s=created_s)
            if said is not None:
                return said
        return None


def _rule(place: int, spot: Spot, dialects: Mapping[str, Dialect]) -> Rule:
    fields = _mapping(spot, frozenset({"when", "finish", "usage", *_KINDS}))
    said = [kind for kind in _KINDS if kind in fields]
    if len(said) != 1:
        found = " and ".join(said) or "none"
        raise CannedError(
            f"expected one of {', '.join(_KINDS)}, found {found}", spot.where(), "a rule says one thing: keep one"
        )
    when = _when(fields["when"], dialects) if "when" in fields else When()
    what: Say | Fail
    if said == ["failure"]:
        for key in ("finish", "usage"):
            if key in fields:
                raise CannedError(f"a failure has no {key!r}", fields[key].where(), "leave it out")
        named = dialects if when.provider is None else {when.provider: dialects[when.provider]}
        what = failure(fields["failure"], named)
    else:
        if when.operation not in (None, "chat"):
            raise CannedError(
                f"expected a failure, since only 'chat' has answers, found {said[0]!r}",
                fields[said[0]].where(),
                f"give a failure, or leave out `operation: {when.operation}`",
            )
        what = _say(said[0], fields)
    return Rule(when, what, place, spot.line)


def _when(spot: Spot, dialects: Mapping[str, Dialect]) -> When:
    fields = _mapping(spot, _CONDITIONS)
    found: dict[str, Any] = {}
    for key, each in fields.items():
        if key in {"contains", "equals"}:
            found[key] = _text(each)
        elif key in {"like", "model"}:
            found[key] = Glob(_text(each))
        elif key == "provider":
            found[key] = _one_of(each, dialects)
        elif key == "operation":
            found[key] = _one_of(each, OPERATIONS)
        elif key in _COUNTS:
            found[key] = _whole(each, 1)
        elif key == "tools" and isinstance(each.value, str):
            found[key] = _text(each)
        else:
            found[key] = _flag(each, " or a tool's name" if key == "tools" else "")
    if len(counted := [key for key in _COUNTS if key in found]) > 1:
        raise CannedError(
            f"expected one of {', '.join(_COUNTS)}, found {' and '.join(counted)}", spot.where(), "keep one of them"
        )
    return When(**found)


def _say(kind: str, fields: Mapping[str, Spot]) -> Say:
    spot = fields[kind]
    rest: dict[str, Any] = {}
    if "usage" in fields:
        rest = {key: _whole(each, 0) for key, each in _mapping(fields["usage"], frozenset(_USAGE)).items()}
    whole = "tool" if kind == "tool" else "stop"
    rest["finish"] = whole
    if "finish" in fields:
        rest["finish"] = _one_of(fields["finish"], (whole, "length"))
    if kind == "text":
        return Say.words(_text(spot, empty=True), **rest)
    if kind == "json":
        if not isinstance(spot.value, dict | list):
            raise spot.wrong("a mapping or a list, which becomes a JSON document", "write other answers as `text`")
        return Say.document(_json(spot), **rest)
    call = _mapping(spot, frozenset({"arguments", "name"}))
    if "name" not in call:
        raise CannedError("a tool call without a name", spot.where(), "add `name`")
    arguments: Any = {}
    if "arguments" in call:
        if not isinstance(call["arguments"].value, dict):
            raise call["arguments"].wrong("a mapping of arguments", "write `arguments: {name: value}`")
        arguments = _json(call["arguments"])
    return Say.document(arguments, tool=_text(call["name"]), **rest)


def _json(spot: Spot) -> Any:
    value = spot.plain()
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise CannedError(f"no JSON document: {error}", spot.where(), "mend the value") from error
    return value


def _mapping(spot: Spot, keys: frozenset[str]) -> dict[str, Spot]:
    if not isinstance(spot.value, dict):
        raise spot.wrong(f"a mapping with {', '.join(sorted(keys))}", "write `key: value`")
    for key, each in spot.value.items():
        if key not in keys:
            raise CannedError(f"unknown key {key!r}", each.where(), nearest(key, keys))
    return spot.value


def _text(spot: Spot, *, empty: bool = False) -> str:
    if not isinstance(spot.value, str):
        raise spot.wrong("a text", "put it into quotes")
    if not spot.value and not empty:
        raise spot.wrong("a text of a letter or more", "write the text, or leave the key out")
    return spot.value


def _one_of(spot: Spot, names: Mapping[str, Any] | tuple[str, ...]) -> str:
    if not isinstance(spot.value, str) or spot.value not in names:
        raise spot.wrong(f"one of {', '.join(sorted(names))}", nearest(str(spot.plain()), names))
    return spot.value


def _whole(spot: Spot, least: int) -> int:
    if isinstance(spot.value, bool) or not isinstance(spot.value, int) or not least <= spot.value <= FIGURE_MAX:
        raise spot.wrong(f"a whole number from {least} to {FIGURE_MAX}", "write such a number, without quotes")
    return spot.value


def _flag(spot: Spot, other: str) -> bool:
    if not isinstance(spot.value, bool):
        raise spot.wrong(f"true or false{other}", "write one of them, without quotes")
    return spot.value
