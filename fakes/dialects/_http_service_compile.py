"""A definition, compiled: routes that match, templates that fill, failures that are said. Checks what it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..canned_document import nearest
from . import _http_service_failures as failing
from ._http_service_failures import Failures, Row
from ._http_service_model import Answer, Definition, Failure, Route, Words
from ._http_service_schema import SchemaError, check_schema, complaint
from ._http_service_template import Template, TemplateError, compile_value
from ._kinds import KINDS

Place = tuple[str | int, ...]

_ITEM: Final = frozenset({"item"})
_LIST: Final = frozenset({"items", "more", "next"})
_ASKED: Final = frozenset({"path", "query", "header", "body", "method", "url"})


class DefinitionError(ValueError):
    """A definition makes no sense at `place`."""

    def __init__(self, what: str, place: Place, advice: str) -> None:
        super().__init__(what)
        self.what = what
        self.place = place
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, compiled. It is for requests that have one of these values at each of these paths."""

    status: int
    headers: Mapping[str, Template]
    body: Template | None
    when: tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A route, compiled: the last of `said` is for every request that no other is for."""

    route: Route
    pattern: re.Pattern[str]
    said: tuple[Said, ...]
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """A definition, compiled."""

    definition: Definition
    operations: tuple[Operation, ...]
    failures: Failures
    answer_keys: tuple[str, ...]

    def match(self, path: str) -> list[tuple[Operation, tuple[str, ...]]]:
        """The operations of a path with what stands in their blanks; a path without blanks goes before one with."""
        found = [
            (each, match.groups()) for each in self.operations if (match := each.pattern.fullmatch(path)) is not None
        ]
        plain = [each for each in found if not each[1]]
        return plain or found


def compile_service(definition: Definition) -> Service:
    """The service that `definition` says.

    Raises:
        DefinitionError: when it makes no sense.
    """
    common = _headers(definition.headers, ("headers",), _nothing)
    operations = []
    seen: dict[tuple[str, str], int] = {}
    for index, route in enumerate(definition.routes):
        shape = re.sub(r"\{\w+(\*?)\}", r"{\1}", route.path)
        if (first := seen.setdefault((route.method, shape), index)) != index:
            raise DefinitionError(
                f"{route.method} {route.path} is routes[{first}] again", ("routes", index, "route"), "remove one"
            )
        operations.append(_operation(route, ("routes", index), common))
    _collections(definition)
    keys = definition.answer_keys
    if keys is None:
        bodies = (answer.body for route in definition.routes for answer in (*route.cases, route.answer))
        keys = list(dict.fromkeys(key for body in bodies if isinstance(body, dict) for key in body))
    return Service(definition, tuple(operations), _failures(definition, common), tuple(keys))


def _operation(route: Route, place: Place, common: Mapping[str, Template]) -> Operation:
    for name, schema in (("query", route.query_schema), ("body", route.body_schema)):
        if schema is not None:
            try:
                check_schema(schema)
            except SchemaError as error:
                raise DefinitionError(str(error), (*place, name, *error.place), error.advice) from error
    if route.by is None and route.item_from and not route.blanks:
        raise DefinitionError("which item is meant can't be seen", place, "add by: with its path, e.g. body.charge")
    by = route.by or (f"path.{route.blanks[-1]}" if route.item_from else "")

    def known(names: Iterable[str], where: Place) -> None:
        _asked(names, route, where)

    if by:
        known([by], (*place, "by"))
    said = [_said(case, (*place, "cases", index), common, known, case.when) for index, case in enumerate(route.cases)]
    said.append(_said(route.answer, (*place, "answer"), common, known, {}))
    body = route.answer.body
    if route.keep and not (isinstance(body, dict) and "id" in body):
        raise DefinitionError("what is kept needs an id", (*place, "answer"), "give its body the key id, e.g. {id:ch_}")
    _example(route, (*place, "example"))
    return Operation(route, route.pattern, tuple(said), tuple(by.split(".")))


def _asked(names: Iterable[str], route: Route, place: Place) -> None:
    """Check that each name is one that requests of this route have."""
    roots = _ASKED | (_ITEM if route.item_from else frozenset()) | (_LIST if route.listing else frozenset())
    for name in names:
        root, _, rest = name.partition(".")
        if root not in roots:
            raise DefinitionError(f"nothing is called {name!r} here", place, nearest(root, roots))
        if root == "path" and rest not in route.blanks:
            raise DefinitionError(f"{route.route} has no blank {rest!r}", place, nearest(rest, route.blanks))
        if root == "header" and not rest:  # all of them together would show the credential
            raise DefinitionError("'header' names no header", place, "write it like header.name")


def _nothing(names: Iterable[str], place: Place) -> None:
    """Check that there are no names: nothing has a value in every answer and every error."""
    for name in names:
        raise DefinitionError(
            f"a header of every response can't refer to {name!r}", place, "write {id:…}, {uuid} or {now}, or no blank"
        )


def _known(names: Iterable[str], known: Iterable[str], place: Place) -> None:
    """Check that each name is one of `known`."""
    valid = set(known)
    for name in names:
        if name.partition(".")[0] not in valid:
            raise DefinitionError(f"nothing is called {name!r} here", place, nearest(name, valid))


Check = Callable[[Iterable[str], Place], None]


def _template(value: Any, place: Place, check: Check) -> Template:
    try:
        template = compile_value(value)
    except TemplateError as error:
        raise DefinitionError(str(error), place, error.advice) from error
    check(template.names, place)
    return template


def _headers(headers: Mapping[str, Any], place: Place, check: Check) -> dict[str, Template]:
    return {name: _template(value, (*place, name), check) for name, value in headers.items()}


def _said(answer: Answer, place: Place, common: Mapping[str, Template], check: Check, when: Mapping[str, Any]) -> Said:
    check(when, (*place, "when"))
    return Said(
        answer.status,
        {**common, **_headers(answer.headers, (*place, "headers"), check)},
        _template(answer.body, (*place, "body"), check) if answer.has_body else None,
        tuple(
            (tuple(name.split(".")), tuple(value if isinstance(value, list) else [value]))
            for name, value in when.items()
        ),
    )


def _example(route: Route, place: Place) -> None:
    """Check that an example is one that the route itself takes."""
    example = route.example
    if example is None:
        return
    if missing := set(route.blanks) ^ example.path.keys():
        raise DefinitionError(
            f"{min(missing)!r} is in one of route and example only",
            (*place, "path"),
            "name each blank of the route",
        )
    for name, schema, value in (
        ("query", route.query_schema, typed(route.query_schema, example.query)),
        ("body", route.body_schema, {} if example.body is None else example.body),
    ):
        if schema is not None and (wrong := complaint(schema, value)) is not None:
            raise DefinitionError(
                f"the example is refused: {wrong.field or name} {wrong.problem}", (*place, name), "mend the example"
            )


def typed(schema: Mapping[str, Any] | None, query: Mapping[str, str]) -> dict[str, Any]:
    """Query parameters with the numbers and booleans that the schema wants, as far as they are any."""
    properties = (schema or {}).get("properties", {})
    found: dict[str, Any] = dict(query)
    for name in query.keys() & properties.keys():
        types = properties[name].get("type", "string")
        for kind in types if isinstance(types, list) else [types]:
            if (value := _typed(kind, query[name])) is not None:
                found[name] = value
                break
    return found


def _typed(kind: str, text: str) -> Any:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text)
    if kind == "integer" and re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?", text, re.ASCII):
        return float(text)
    return None


def _collections(definition: Definition) -> None:
    """Check that what is given back is kept somewhere."""
    kept = {route.keep for route in definition.routes if route.keep}
    for index, route in enumerate(definition.routes):
        for key, name in (("give", route.give), ("remove", route.remove), ("list", route.listing)):
            if name is not None and name not in kept:
                advice = nearest(name, kept) if kept else f"give a route keep: {name}"
                raise DefinitionError(f"no route keeps anything in {name!r}", ("routes", index, key), advice)


def _failures(definition: Definition, common: Mapping[str, Template]) -> Failures:
    for kind in definition.errors:
        if kind not in KINDS and not kind.startswith(failing.OWN_PREFIX):
            advice = f"{nearest(kind, KINDS)} One of your own begins with {failing.OWN_PREFIX}"
            raise DefinitionError(f"no failure is called {kind!r}", ("errors", kind), advice)
    rows = failing.rows_of(definition)
    fills = {name for each in rows.values() for words in (each, *each.variants.values()) for name in words.fill}
    known = failing.BLANKS | fills
    compiler = _Compiler(definition, common, lambda names, place: _known(names, known, place))
    plain = {kind: compiler.row(kind, failure, Failure(), ("errors", kind)) for kind, failure in rows.items()}
    variants = {
        (kind, name): compiler.row(kind, words, failure, ("errors", kind, "variants", name))
        for kind, failure in rows.items()
        for name, words in failure.variants.items()
    }
    return Failures(
        definition.title,
        definition.host,
        definition.auth.example,
        definition.body_bytes_max,
        plain,
        variants,
    )


class _Compiler:
    """Compiles the rows of a definition's failures."""

    def __init__(self, definition: Definition, common: Mapping[str, Template], check: Check) -> None:
        form = definition.error
        self._check = check
        self._body = _template(form.body, ("error", "body"), check)
        self._headers = {**common, **_headers(form.headers, ("error", "headers"), check)}

    def row(self, kind: str, words: Words, base: Words, place: Place) -> Row:
        status = failing.status_of(kind, words, base)
        if status is None:
            raise DefinitionError(f"{kind} has no status", place, "add status: …")
        own = words if words.has_body else base if base.has_body else None
        body = None
        if own is not None:
            body = _template(own.body, (*place, "body"), self._check)
        elif kind not in failing.PAGES:
            body = self._body
        message = failing.message_of(kind, words, base, status)
        return Row(
            status,
            _template(message, (*place, "message"), self._check),
            {
                name: _template(value, (*place, "with", name), self._check)
                for name, value in {**base.fill, **words.fill}.items()
            },
            {**self._headers, **_headers({**base.headers, **words.headers}, (*place, "headers"), self._check)},
            body,
        )
