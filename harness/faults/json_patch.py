"""JSON Patch (RFC 6902) on documents that may or may not have the place: what drifts of a format are written in.

Own code rather than the `jsonpatch` library, for three reasons: pointers may have wildcards, an operation whose place
isn't there is passed over (the events of one stream differ), and what a patch may copy has a bound.

- A pointer is RFC 6901's; ``*`` in it stands for every member of an object or element of a list, so a member whose
  name is an asterisk can't be pointed at.
- `from` and `path` of a move or copy are joined by their wildcards: the first ``*`` of `path` is what the first of
  `from` was, and so on.
- ``rename`` gives the member at `path` the name `to`, in the same place among its siblings. It is no operation of the
  RFC.
- `was` is no member of the RFC either: replace, remove, rename, move and copy then leave places alone that hold another
  value.
- A `test` that fails undoes the whole patch. With wildcards it holds if any of the places does; without `value` it
  asks whether there is anything at all.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

POINTER_LETTERS_MAX: Final = 300
"""Longest pointer, in letters."""
PLACES_MAX: Final = 10_000
"""Most places of a document that one operation is done at."""
COPIED_MAX: Final = 100_000
"""Most values that one patch copies into a document; operations that would copy more are passed over."""
OPS: Final = ("add", "remove", "replace", "move", "copy", "test", "rename")
UNREADABLE: Final = (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError)
"""What reading or writing raises for what is no JSON, or is nested deeper than anyone takes it: it is left alone."""
_ESCAPE: Final = re.compile(r"~(?![01])")
_INDEX: Final = re.compile(r"0|[1-9]\d{0,8}")


def _pointer(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError(f"expected a JSON pointer, which begins with a slash, such as /usage/*; found {value!r}")
    if _ESCAPE.search(value):
        raise ValueError(f"expected a JSON pointer, in which ~ is written ~0 and / in a name ~1; found {value!r}")
    return value


def _sendable(value: Any) -> Any:
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"no JSON that can be sent: {error}") from None
    return value


def _op(value: Any) -> Any:
    if value in OPS:
        return value
    near = difflib.get_close_matches(value, OPS, n=1) if isinstance(value, str) else []
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(OPS)}"
    raise ValueError(f"unknown operation {value!r}: {hint}")


Pointer = Annotated[str, Field(max_length=POINTER_LETTERS_MAX), AfterValidator(_pointer)]
"""A JSON pointer with wildcards."""
Json = Annotated[JsonValue, AfterValidator(_sendable)]
"""A JSON value that can be sent: whole numbers have 64 bits at most."""


class Operation(BaseModel):
    """One operation of a patch."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    op: Annotated[str, BeforeValidator(_op), Field(json_schema_extra={"enum": list(OPS)})] = Field(
        description="what is done"
    )
    path: Pointer = Field(description="where, as a JSON pointer in which * stands for every member or element")
    from_: Pointer | None = Field(default=None, alias="from", description="where a move or copy takes the value from")
    value: Json = Field(default=None, description="what is added, replaced with or tested for")
    to: Annotated[str, AfterValidator(_sendable)] | None = Field(
        default=None, min_length=1, max_length=200, description="the name that a rename gives"
    )
    was: Json = Field(default=None, description="only places that hold this value")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = self.model_fields_set
        for name, takers in _TAKES.items():
            if name in given and self.op not in takers:
                raise ValueError(f"{name.rstrip('_')!r} means nothing to {self.op!r}, only to {', '.join(takers)}")
        for name in _NEEDS.get(self.op, ()):
            if name not in given:
                raise ValueError(f"{self.op!r} needs {name.rstrip('_')!r}")
        self._check_places()
        return self

    def _check_places(self) -> None:
        tokens, source = split(self.path), split(self.from_ or "")
        if self.op in ("remove", "rename") and not tokens:
            raise ValueError(f"{self.op!r} needs a place inside the document, such as /usage; found ''")
        if self.op in ("add", "move", "copy") and tokens and tokens[-1] == "*":
            raise ValueError(f"{self.op!r} needs a name or an index at the end of its path, or - for a list's end")
        if self.op in ("move", "copy"):
            if tokens.count("*") > source.count("*"):
                raise ValueError("'path' has more wildcards than 'from', so nothing says what they stand for")
            if self.op == "move" and (not source or tokens[: len(source)] == source):
                raise ValueError("a value can't be moved into itself")

    def _suits(self, value: Any) -> bool:
        return "was" not in self.model_fields_set or same(value, self.was)


_TAKES: Final = {
    "from_": ("move", "copy"),
    "value": ("add", "replace", "test"),
    "to": ("rename",),
    "was": ("replace", "remove", "rename", "move", "copy"),
}
_NEEDS: Final = {
    "add": ("value",),
    "replace": ("value",),
    "move": ("from_",),
    "copy": ("from_",),
    "rename": ("to",),
}


class _TestFailedError(Exception):
    """A test of the patch does not hold."""


def patch(document: Any, operations: Sequence[Operation]) -> Any:
    """The document after `operations`; `document` itself may be changed by it, and is not if a test fails."""
    if not operations:
        return document
    tested = any(each.op == "test" for each in operations)
    try:
        return _Patch(copy.deepcopy(document) if tested else document).run(operations)
    except _TestFailedError:
        return document


def found(document: Any, pointer: str) -> list[Any]:
    """The values at `pointer`, several if it has wildcards."""
    return [value for _, value in _values(document, split(pointer))]


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)


def split(pointer: str) -> list[str]:
    """A pointer's parts."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


@dataclass(frozen=True, slots=True)
class _Place:
    """A member of an object, or an element of a list, that is there."""

    parent: Any
    key: Any
    bound: tuple[str, ...]  # what the wildcards stood for

    @property
    def value(self) -> Any:
        return self.parent[self.key]


class _Patch:
    def __init__(self, document: Any) -> None:
        self._root = {"": document}  # so that the document has a parent, too
        self._copied = 0

    def run(self, operations: Sequence[Operation]) -> Any:
        for each in operations:
            match each.op:
                case "test":
                    self._test(each)
                case "add":
                    self._add_everywhere(each)
                case "move" | "copy":
                    self._carry(each)
                case _:
                    self._change(each)
        return self._root[""]

    def _places(self, tokens: Sequence[str]) -> list[_Place]:
        places = []
        for place in _walk(self._root, ["", *tokens], ()):
            places.append(place)
            if len(places) == PLACES_MAX:
                break
        return places

    def _test(self, operation: Operation) -> None:
        places = self._places(split(operation.path))
        asked = "value" in operation.model_fields_set
        if not any(not asked or same(place.value, operation.value) for place in places):
            raise _TestFailedError

    def _change(self, operation: Operation) -> None:
        # from the last to the first, so that a list's removed elements don't move those that are still to come
        for place in reversed(self._places(split(operation.path))):
            if not operation._suits(place.value):  # noqa: SLF001 - this module's
                continue
            if operation.op == "replace":
                place.parent[place.key] = self._copy(operation.value, place.value)
            elif operation.op == "remove":
                del place.parent[place.key]
            elif isinstance(place.parent, dict):
                _rename(place.parent, place.key, operation.to or "")

    def _add_everywhere(self, operation: Operation) -> None:
        tokens = split(operation.path)
        if not tokens:
            self._root[""] = self._copy(operation.value, self._root[""])
            return
        for place in self._places(tokens[:-1]):
            self._add(place.value, tokens[-1], operation.value)

    def _carry(self, operation: Operation) -> None:
        source, target = split(operation.from_ or ""), split(operation.path)
        moves = operation.op == "move"
        places = self._places(source)
        for place in reversed(places) if moves else places:
            value = place.value
            if not operation._suits(value):  # noqa: SLF001 - this module's
                continue
            bound = iter(place.bound)
            tokens = [next(bound) if part == "*" else part for part in target]
            if not tokens:
                self._root[""] = value if moves else self._copy(value, self._root[""])
                continue
            parents = self._places(tokens[:-1])
            if not parents:
                continue
            if not moves:
                self._add(parents[0].value, tokens[-1], value)
                continue
            del place.parent[place.key]
            parents = self._places(tokens[:-1])  # a list's elements may have moved up
            if not parents or not _put(parents[0].value, tokens[-1], value):
                _back(place, value)

    def _add(self, parent: Any, key: str, value: Any) -> None:
        nothing = _Place(None, None, ())
        copied = self._copy(value, nothing)
        if copied is not nothing:
            _put(parent, key, copied)

    def _copy(self, value: Any, otherwise: Any) -> Any:
        """A copy of `value`; `otherwise` if that would be too much."""
        self._copied += _count(value)
        return copy.deepcopy(value) if self._copied <= COPIED_MAX else otherwise


def _walk(parent: Any, tokens: Sequence[str], bound: tuple[str, ...]) -> Iterator[_Place]:
    """The places below `parent` that the parts of a pointer lead to."""
    first, rest = tokens[0], tokens[1:]
    for name, key in _keys(parent, first):
        now = (*bound, name) if first == "*" else bound
        if rest:
            yield from _walk(parent[key], rest, now)
        else:
            yield _Place(parent, key, now)


def _keys(parent: Any, part: str) -> list[tuple[str, Any]]:
    """The members or elements that a part of a pointer means, by name and key."""
    if isinstance(parent, dict):
        if part == "*":
            return [(key, key) for key in parent]
        return [(part, part)] if part in parent else []
    if isinstance(parent, list):
        if part == "*":
            return [(str(index), index) for index in range(len(parent))]
        if _INDEX.fullmatch(part) and int(part) < len(parent):
            return [(part, int(part))]
    return []


def _values(document: Any, tokens: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for place in _walk({"": document}, ["", *tokens], ()):
        yield place.bound, place.value


def _put(parent: Any, key: str, value: Any) -> bool:
    """Add a member, or insert an element; whether there was a place for it."""
    if isinstance(parent, dict):
        parent[key] = value
        return True
    if isinstance(parent, list) and key == "-":
        parent.append(value)
        return True
    if isinstance(parent, list) and _INDEX.fullmatch(key) and int(key) <= len(parent):
        parent.insert(int(key), value)
        return True
    return False


def _back(place: _Place, value: Any) -> None:
    if isinstance(place.parent, list):
        place.parent.insert(place.key, value)
    else:
        place.parent[place.key] = value


def _rename(parent: dict[str, Any], key: str, to: str) -> None:
    members = [(to if name == key else name, value) for name, value in parent.items() if name == key or name != to]
    parent.clear()
    parent.update(members)


def _count(value: Any) -> int:
    """How many values there are in a value, itself included."""
    if isinstance(value, dict):
        return 1 + sum(map(_count, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_count, value))
    return 1
