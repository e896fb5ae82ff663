"""The faults, found by file name: a file beside this one that defines ``FAULT`` is one; nothing else lists it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ..by_file import collect, look_up
from .base import Fault, Host

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect

__all__ = ["Description", "UnknownFaultError", "describe", "find", "names", "refusals"]


class UnknownFaultError(ValueError):
    """No file of this folder defines that fault."""


@dataclass(frozen=True, slots=True)
class Description:
    """A fault for the catalogue: everything in it is read off the fault's class, so it can't go stale.

    `doc` is the whole documentation, `summary` its first line. `parameters` maps each name to its JSON schema
    (description, type, default); `schema` is that of the whole `with:`.
    """

    name: str
    summary: str
    doc: str
    phase: str
    hosts: tuple[str, ...]
    reaches_provider: bool
    billed: bool
    in_flight: str
    failure_kind: str | None
    parameters: Mapping[str, Mapping[str, Any]]
    schema: Mapping[str, Any]
    required: frozenset[str]


@cache
def _faults() -> dict[str, type[Fault]]:
    return collect(__name__, __path__, "FAULT")


def names() -> list[str]:
    """Every fault's name, sorted."""
    return list(_faults())


def find(name: str) -> type[Fault]:
    """The fault of that name; ``find(name).model_validate(parameters)`` checks and holds its parameters.

    Raises:
        UnknownFaultError: when there is none; the message gives the nearest name.
    """
    return look_up(_faults(), name, "fault", UnknownFaultError)


def describe(name: str) -> Description:
    """What the catalogue, the command line and the scenario schema say about a fault.

    Raises:
        UnknownFaultError: when there is none.
    """
    fault = find(name)
    schema = fault.model_json_schema(mode="validation")
    doc = inspect.cleandoc(fault.__doc__ or "")
    return Description(
        name=name,
        summary=doc.partition("\n")[0],
        doc=doc,
        phase=fault.phase,
        hosts=tuple(sorted(fault.hosts)),
        reaches_provider=fault.reaches_provider,
        billed=fault.billed,
        in_flight=fault.in_flight,
        failure_kind=fault.failure_kind,
        parameters=schema.get("properties", {}),
        schema=schema,
        required=frozenset(schema.get("required", ())),
    )


def refusals(name: str, dialect: Dialect, host: Host, *, tls: bool = False) -> list[str]:
    """Why the fault can't be played for this vendor in this host, a sentence each; empty when it can.

    `tls` says whether routers speak TLS to the host.

    Raises:
        UnknownFaultError: when there is no such fault.
    """
    fault = find(name)
    reasons = []
    if fault.failure_kind is not None and fault.failure_kind not in dialect.failures:
        able = ", ".join(sorted(dialect.failures))
        reasons.append(
            f"{dialect.name!r} has no failure {fault.failure_kind!r}, so {name!r} can't be played (has {able})"
        )
    if host not in fault.hosts:
        able = ", ".join(sorted(fault.hosts))
        reasons.append(f"{name!r} can't be played in the {host.value!r} host (possible in {able})")
    if fault.needs_tls and not tls:
        reasons.append(f"{name!r} can't be played where no TLS is spoken: routers call the fakes over plain HTTP")
    return reasons
