"""The standings: a file beside this one that defines ``STANDING`` is one, and so is each failure kind of `refused`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..by_file import collect, look_up
from .base import Standing
from .refused import every

__all__ = ["Description", "UnknownStandingError", "describe", "find", "names"]


class UnknownStandingError(ValueError):
    """No file of this folder defines that standing, and no failure kind is one by that name."""


@dataclass(frozen=True, slots=True)
class Description:
    """A standing for the catalogue: everything in it is read off its class, so it can't go stale.

    `doc` is the whole documentation, `summary` its first line. `parameters` maps each name to its JSON schema
    (description, type, default).
    """

    name: str
    summary: str
    doc: str
    phase: str
    selectors: tuple[str, ...]
    failure_kinds: tuple[str, ...]
    bites: str
    parameters: Mapping[str, Mapping[str, Any]]
    required: frozenset[str]


@cache
def _standings() -> dict[str, type[Standing]]:
    found: dict[str, type[Standing]] = dict(every()) | collect(__name__, __path__, "STANDING")
    return dict(sorted(found.items()))


def names() -> list[str]:
    """Every standing's name, sorted."""
    return list(_standings())


def find(name: str) -> type[Standing]:
    """The standing of that name; ``find(name).model_validate(parameters)`` checks and holds its parameters.

    Raises:
        UnknownStandingError: when there is none; the message gives the nearest name.
    """
    return look_up(_standings(), name, "standing", UnknownStandingError)


def describe(name: str) -> Description:
    """What the catalogue, the command line and the scenario schema say about a standing.

    Raises:
        UnknownStandingError: when there is none.
    """
    standing = find(name)
    schema = standing.model_json_schema(mode="validation")
    doc = inspect.cleandoc(standing.__doc__ or "")
    return Description(
        name=name,
        summary=doc.partition("\n")[0],
        doc=doc,
        phase=standing.phase,
        selectors=tuple(sorted(standing.selectors)),
        failure_kinds=standing.failure_kinds,
        bites=standing.bites,
        parameters=schema.get("properties", {}),
        required=frozenset(schema.get("required", ())),
    )
