"""From a service's definition to what answers its requests: every mistake told with its place and what to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import orjson
from pydantic import BaseModel, ValidationError

from ..canned_document import CannedError, Spot, nearest, read
from ._http_service_compile import DefinitionError, Service, compile_service
from ._http_service_model import Definition

FOLDER: Final = Path(__file__).parent.parent / "services"
"""Where the definitions are that come with banstorm."""

Place = tuple[str | int, ...]
Where = Callable[[Place], str]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: what it is, where it stands, what to do next."""

    what: str
    where: str
    advice: str


class ServiceError(ValueError):
    """A definition can't be used; `problems` says why, the most telling first."""

    def __init__(self, problems: list[Problem]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.where}: {first.what}; {first.advice}{more}")
        self.problems = problems


def shipped() -> list[str]:
    """The names of the definitions that come with banstorm, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def is_path(name: str) -> bool:
    """Whether `name` is meant as a path, not as the name of a definition that comes with banstorm."""
    return "/" in name or name.endswith((".yaml", ".yml"))


def load(name: str, folder: Path | None = None) -> tuple[Service, dict[str, Any]]:
    """The service called `name`, or defined in the file `name` (relative to `folder`), and its definition as data.

    Raises:
        ServiceError: when there is none, or it can't be used.
    """
    if is_path(name):
        return _load(folder / name if folder is not None else Path(name))
    if name not in shipped():
        advice = f"{nearest(name, shipped())} A file of your own is named by its path, e.g. ./{name}.yaml"
        raise ServiceError([Problem(f"no service is called {name!r}", "the name of a service", advice)])
    return _load(FOLDER / f"{name}.yaml")


def _load(path: Path) -> tuple[Service, dict[str, Any]]:
    try:
        document = read(path)
    except CannedError as error:
        raise ServiceError([Problem(error.what, error.where, error.advice)]) from error
    data = document.plain()
    return understand(data, lambda place: _spot(document, place).where()), data


def _spot(document: Spot, place: Place) -> Spot:
    """The value at `place`; the nearest one around it if it is missing."""
    found = document
    for part in place:
        try:
            found = found.value[part]
        except (KeyError, IndexError, TypeError):
            break
    return found


def understand(data: Any, where: Where) -> Service:
    """The service that `data` defines; `where` says for people where a place in it stands.

    Raises:
        ServiceError: when it can't be used.
    """
    if not isinstance(data, Mapping):
        found = "nothing" if data is None else type(data).__name__
        advice = "begin with name:, title:, auth:, routes: and error:"
        raise ServiceError([Problem(f"expected a mapping, found {found}", where(()), advice)])
    try:
        orjson.dumps(data)
    except TypeError as error:
        raise ServiceError([Problem(f"no JSON: {error}", where(()), "use texts, numbers, lists, mappings")]) from error
    try:
        definition = Definition.model_validate(data)
    except ValidationError as error:
        problems = sorted(_structure(error, where), key=lambda each: not each.what.startswith("unknown key"))
        raise ServiceError(problems) from None
    try:
        return compile_service(definition)
    except DefinitionError as error:
        raise ServiceError([Problem(error.what, where(error.place), error.advice)]) from error


def _structure(error: ValidationError, where: Where) -> Iterator[Problem]:
    """Pydantic's findings, retold."""
    for each in error.errors(include_url=False):
        place: Place = tuple(part for part in each["loc"] if part != "[key]")
        if each["type"] == "extra_forbidden":
            yield Problem(f"unknown key {place[-1]!r}", where(place), nearest(str(place[-1]), _keys_at(place[:-1])))
        elif each["type"] == "missing":
            yield Problem(f"the key {place[-1]!r} is missing", where(place[:-1]), f"add {place[-1]}: …")
        elif each["type"] == "value_error":
            yield Problem(each["msg"].removeprefix("Value error, "), where(place), "change the value")
        else:
            found = repr(each["input"])
            shown = found if len(found) <= 80 else found[:77] + "..."
            yield Problem(f"{each['msg'][0].lower()}{each['msg'][1:]}; found {shown}", where(place), "change the value")


def _keys_at(place: Place) -> list[str]:
    """The keys that the mapping at `place` may have."""
    model: type[BaseModel] = Definition
    parts = iter(place)
    for part in parts:
        field = next((info for name, info in model.model_fields.items() if part in {name, info.alias}), None)
        inner = None if field is None else _model_in(field.annotation)
        if field is None or inner is None:
            continue  # an index into a list, or a key of a mapping
        model = inner
        if get_origin(field.annotation) is dict:
            next(parts, None)
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as ``list[Route]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
