"""Finds scenarios, and loads them with every mistake located: `find`, `load`, `names`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .document import Document, Path_, read
from .meaning import check
from .model import Scenario
from .problems import Problem, ScenarioError, nearest
from .registry import Registry
from .services import with_definitions

FOLDER: Final = Path(__file__).parent
"""The library's own folder: one sub-folder a theme, one YAML a scenario."""


def paths() -> dict[str, Path]:
    """Every scenario of the library: name to file, sorted by theme and name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*/*.yaml"))}


def find(name: str) -> Path:
    """The file of a scenario: a path to a YAML file, or a name from the library.

    Raises:
        ScenarioError: when there is neither.
    """
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise ScenarioError([Problem("there is no such scenario file", name, "check the path")])
        return path
    known = paths()
    if name not in known:
        advice = nearest(name, known, " (`banstorm list` shows them all)")
        raise ScenarioError([Problem(f"unknown scenario {name!r}", "the command line", advice)])
    return known[name]


def load(path: Path, registry: Registry) -> Scenario:
    """Load and check the scenario at `path`.

    Raises:
        ScenarioError: with every mistake found, each with file, line, path in the document and the nearest valid name.
    """
    return check_document(read(path), registry)


def check_document(document: Document, registry: Registry) -> Scenario:
    """The scenario in `document`, its structure and its names checked.

    Raises:
        ScenarioError: as `load`.
    """
    if not isinstance(document.data, dict):
        found = "nothing" if document.data is None else type(document.data).__name__
        raise ScenarioError(
            [
                Problem(
                    f"expected a mapping, found {found}",
                    document.where(()),
                    "start from `banstorm show sudden_ban --yaml`",
                )
            ]
        )
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        # An unknown key first: the missing key beside it is most often the same mistake.
        problems = sorted(_structure(error, document), key=lambda each: not each.what.startswith("unknown key"))
        raise ScenarioError(problems) from None
    scenario = with_definitions(scenario, document, registry)
    if problems := list(check(scenario, document, registry)):
        raise ScenarioError(problems)
    return scenario


def _structure(error: ValidationError, document: Document) -> Iterator[Problem]:
    """Pydantic's findings, retold."""
    for each in error.errors(include_url=False):
        loc = tuple(part for part in each["loc"] if part != "[key]")
        path: Path_ = tuple(loc)
        where = document.where(path)
        if each["type"] == "extra_forbidden":
            valid = _keys_at(path[:-1])
            yield Problem(f"unknown key {path[-1]!r}", where, nearest(str(path[-1]), valid, ""))
        elif each["type"] == "missing":
            yield Problem(f"the key {path[-1]!r} is missing", document.where(path[:-1]), f"add {path[-1]}: …")
        elif each["type"] == "value_error":
            yield Problem(each["msg"].removeprefix("Value error, "), where, "change the value")
        else:
            found = repr(each["input"])
            shown = found if len(found) <= 80 else found[:77] + "..."
            yield Problem(f"{each['msg'][0].lower()}{each['msg'][1:]}; found {shown}", where, "change the value")


def _keys_at(path: Path_) -> list[str]:
    """The keys that the mapping at `path` may have."""
    model: type[BaseModel] = Scenario
    parts = iter(path)
    for part in parts:
        if isinstance(part, int):
            continue
        for name, info in model.model_fields.items():
            if part in {name, info.alias}:
                inner = _model_in(info.annotation)
                if inner is None:
                    return []
                model = inner
                if get_origin(info.annotation) is dict:
                    next(parts, None)
                break
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model inside an annotation such as list[Entry] or dict[str, Provider]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if found := _model_in(inner):
            return found
    return None
