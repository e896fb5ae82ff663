"""Templates of JSON: plain values whose texts may have blanks, ``{body.amount}``, that a request or a failure fills.

A text that is nothing but one blank takes the type of what fills it. Blanks:

- ``{body.items.0.price}``: a value by its path; nothing there is null, or an empty text within a longer one
- ``{query.limit|10}``: what stands there instead, as JSON if it is JSON; ``{body.amount||item.amount}``: another path
- ``{body.description?}``: leaves out the key, list item or header if nothing is there
- ``{id:ch_}``, ``{id:ch_:24}``: an id with that prefix (16 letters and digits if no number is given); ``{uuid}``
- ``{now}``, ``{now:iso}``: the moment of the answer, in seconds since 1970 or as RFC 3339 has it
- ``{between:-90:90:query.address}``: a number that depends on that value alone; with decimals if a bound has any
- ``{{`` and ``}}``: braces
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from . import _ids

VALUES_MAX: Final = 5_000
"""Values and blanks that one template may have."""
ID_LETTERS: Final = 16
"""Letters and digits behind an id's prefix."""
ID_LETTERS_MAX: Final = 64
PATHS_MAX: Final = 8
"""Paths that one blank may try."""

_DECIMALS: Final = 7
_TOKEN: Final = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<blank>(?:[^{}]|\{\})*)\}|(?P<stray>[{}])")
_REFERENCE: Final = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w\[\]-]+)*")
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,10})?")


class _Absent:
    """What is not there; `OMIT` besides takes its key with it."""


ABSENT: Final = _Absent()
OMIT: Final = _Absent()


class TemplateError(ValueError):
    """A text is no template; the message says what is wrong, `advice` what to write."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Filling:
    """What fills blanks: values by name, the seed of ids, and the moment in seconds since 1970, if it is known."""

    values: Mapping[str, Any]
    id_seed: int
    now_s: int | None


Blank = Callable[[Filling], Any]


@dataclass(frozen=True, slots=True)
class Template:
    """A value with blanks in it. `names` are the paths that its blanks refer to."""

    fill: Blank
    names: tuple[str, ...]

    def __call__(self, filling: Filling) -> Any:
        """The value, filled; None where nothing is there."""
        value = self.fill(filling)
        return None if isinstance(value, _Absent) else value


def look(values: Mapping[str, Any], path: Sequence[str]) -> Any:
    """What stands at `path`; `ABSENT` if there is nothing."""
    found: Any = values
    for part in path:
        if isinstance(found, Mapping):
            found = found.get(part, ABSENT)
        elif isinstance(found, list) and part.isdecimal() and len(part) < 10 and int(part) < len(found):
            found = found[int(part)]
        else:
            return ABSENT
    return found


def compile_value(value: Any) -> Template:
    """`value` (JSON, its texts with blanks) as a template.

    Raises:
        TemplateError: when a blank is none that there is, or there are too many values.
    """
    names: list[str] = []
    fill = _Compiler(names).value(value)
    return Template(fill, tuple(dict.fromkeys(names)))


def as_text(value: Any) -> str:
    """A value within a longer text."""
    if value is None or isinstance(value, _Absent):
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


class _Compiler:
    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._left = VALUES_MAX

    def value(self, value: Any) -> Blank:
        self._left -= 1
        if self._left < 0:
            raise TemplateError(f"more than {VALUES_MAX} values and blanks", "make it smaller")
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            fills = {key: self.value(each) for key, each in value.items()}
            return lambda filling: _kept({key: fill(filling) for key, fill in fills.items()})
        if isinstance(value, list):
            items = [self.value(each) for each in value]
            return lambda filling: _items(fill(filling) for fill in items)
        return lambda _: value

    def _text(self, text: str) -> Blank:
        parts = list(self._parts(text))
        if not parts:
            return lambda _: ""
        if len(parts) == 1:
            only = parts[0]
            return only if not isinstance(only, str) else lambda _: only
        return lambda filling: _joined(part if isinstance(part, str) else part(filling) for part in parts)

    def _parts(self, text: str) -> Iterator[str | Blank]:
        plain = ""
        at = 0
        for match in _TOKEN.finditer(text):
            plain += text[at : match.start()]
            at = match.end()
            if match["stray"]:
                raise TemplateError(f"a single {match['stray']!r} in {text!r}", "write {{ and }} for braces")
            if match["brace"]:
                plain += match["brace"][0]
                continue
            if plain:
                yield plain
                plain = ""
            self._left -= 1
            yield self._blank(match["blank"])
        if plain + text[at:]:
            yield plain + text[at:]

    def _blank(self, blank: str) -> Blank:
        if blank.count("||") >= PATHS_MAX:
            raise TemplateError(f"a blank with more than {PATHS_MAX} paths", "leave some out")
        name, has_default, default = blank.partition("|")
        optional = name.endswith("?") and not has_default
        name = name.removesuffix("?") if optional else name
        if name == "uuid":
            return lambda filling: _ids.uuid(filling.id_seed, "uuid")
        if name in {"now", "now:iso"}:
            return _moment(iso=name != "now")
        kind, colon, rest = name.partition(":")
        if colon:
            return self._made(blank, kind, rest)
        if not _REFERENCE.fullmatch(name):
            raise TemplateError(f"no blank: {{{blank}}}", "write a path such as {body.amount}, or {{ and }} for braces")
        self._names.append(name)
        path = tuple(name.split("."))
        if default.startswith("|"):
            instead = self._blank(default[1:])
        else:
            literal = _literal(default) if has_default else OMIT if optional else ABSENT

            def instead(_: Filling) -> Any:
                return literal

        def fill(filling: Filling) -> Any:
            found = look(filling.values, path)
            missing = found is ABSENT or (found is None and (optional or has_default))
            return instead(filling) if missing else found

        return fill

    def _made(self, blank: str, kind: str, rest: str) -> Blank:
        if kind == "id":
            prefix, _, count = rest.partition(":")
            letters = int(count) if count.isdecimal() and len(count) < 4 else 0 if count else ID_LETTERS
            if not 1 <= letters <= ID_LETTERS_MAX:
                raise TemplateError(
                    f"no id: {{{blank}}}", f"write {{id:ch_}} or {{id:ch_:24}}, up to {ID_LETTERS_MAX} letters"
                )
            return lambda filling: prefix + _ids.letters(filling.id_seed, f"id/{prefix}", letters)
        if kind == "between":
            low, _, more = rest.partition(":")
            high, _, name = more.partition(":")
            numbers = _NUMBER.fullmatch(low) and _NUMBER.fullmatch(high) and float(low) < float(high)
            if not numbers or not _REFERENCE.fullmatch(name):
                raise TemplateError(f"no number: {{{blank}}}", "write it like {between:-90:90.0:query.address}")
            self._names.append(name)
            return _between(low, high, tuple(name.split(".")))
        raise TemplateError(f"no blank: {{{blank}}}", "there are {id:ch_}, {uuid}, {now}, {now:iso} and {between:…}")


def _kept(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _none(value) for key, value in values.items() if value is not OMIT}


def _items(values: Iterator[Any]) -> list[Any]:
    return [_none(value) for value in values if value is not OMIT]


def _none(value: Any) -> Any:
    return None if isinstance(value, _Absent) else value


def _joined(parts: Iterator[Any]) -> str:
    return "".join(map(as_text, parts))


def _literal(default: str) -> Any:
    try:
        return orjson.loads(default)
    except orjson.JSONDecodeError:
        return default


def _moment(*, iso: bool) -> Blank:
    def fill(filling: Filling) -> Any:
        if filling.now_s is None:
            return ABSENT
        return datetime.fromtimestamp(filling.now_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if iso else filling.now_s

    return fill


def _between(low: str, high: str, path: tuple[str, ...]) -> Blank:
    """A number from `low` to below `high` that depends on the bounds and on what stands at `path`."""
    whole = "." not in low + high
    least, span = float(low), float(high) - float(low)

    def fill(filling: Filling) -> Any:
        found = as_text(look(filling.values, path))
        digest = hashlib.blake2b(f"{low}\x1f{high}\x1f{found}".encode(), digest_size=8).digest()
        number = least + span * (int.from_bytes(digest, "big") / 2**64)
        return math.floor(number) if whole else round(number, _DECIMALS)

    return fill
