"""Which fault plays a kind of failure at a vendor, found among the faults that there are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from ...fakes import dialects
from ...scenarios.document import parse
from ...scenarios.library import check_document
from ...scenarios.problems import ScenarioError
from .. import faults
from ..faults.base import Host
from ..registry import registry
from . import classify, vendors
from .events import CUT, NO_ANSWER, OWN_KINDS, REFUSED, RESET, SLOW, STREAM_ERROR

_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    REFUSED: ("connection_refused", "unreachable", "connection_reset"),
    RESET: ("connection_reset", "connection_refused"),
    NO_ANSWER: ("hang",),
    CUT: ("stream_cut", "reset_mid_body"),
    STREAM_ERROR: ("error_event", "stream_error", "stream_cut"),
    SLOW: ("slow_first_token",),
}
"""Faults that play what is no failure of a vendor's, the nearest first."""
_INSTEAD: Final[Mapping[str, tuple[str, ...]]] = {
    REFUSED: ("bad_gateway_page", "bad_gateway", "server_error", "overloaded"),
    RESET: ("bad_gateway_page", "bad_gateway", "server_error", "overloaded"),
}
"""Failures that are likest to it where no fault is there."""
_OF_ALL: Final = ("org_disabled", "quota_exhausted", "bad_key", "permission_denied", "overloaded")
"""What it most likely is if every request is refused with some status, nearest first: something about the account."""
_OF_SOME: Final = ("context_too_long", "content_filtered", "model_not_found", "rate_limited", "server_error")
"""What it most likely is if only some are: something about the request."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A fault, and whether it plays the very kind or only one like it."""

    fault: str
    exact: bool


def fault_for(kind: str, dialect: str, status: int | None, *, partial: bool) -> Choice | None:
    """The fault that plays `kind`, else one like it: of the same status, or a 5xx for a 5xx; None if there is none.

    Args:
        kind: What happened.
        dialect: At which vendor.
        status: The status that the log has most often.
        partial: Whether it shall bite only a share of the requests, which not every fault can.
    """
    for name in _OWN.get(kind, ()):
        if accepted(name, dialect, partial=partial):
            return Choice(name, exact=name == _OWN[kind][0])
    return next(
        (
            Choice(name, exact=each == kind)
            for each in _like(kind, dialect, status, _OF_SOME if partial else _OF_ALL)
            for name in _playing(each)
            if accepted(name, dialect, partial=partial)
        ),
        None,
    )


def accepted(fault: str, dialect: str, parameters: str = "{}", *, partial: bool) -> bool:
    """Whether the language takes the fault at this vendor, with `parameters` (as JSON), and mitmproxy can play it."""
    return fault in faults.names() and _accepted(fault, dialect, parameters, partial)


@lru_cache(maxsize=1024)
def _accepted(fault: str, dialect: str, parameters: str, partial: bool) -> bool:  # noqa: FBT001 - a cache's key
    if faults.refusals(fault, dialects.find(dialect), Host.MITMPROXY):
        return False
    entry: dict[str, Any] = {"at": "1s", "until": "2s", "on": "p", "fault": fault, "with": json.loads(parameters)}
    if partial:
        entry["share"] = "50%"
    scenario = {
        "version": 1,
        "title": "t",
        "story": "s",
        "source": "s",
        "seed": 1,
        "providers": {"p": {"dialect": dialect, "model": vendors.MODELS.get(dialect, "m")}},
        "load": {"rate": "10/s", "duration": "9s"},
        "timeline": [entry],
        "expect": {"silent_losses": 0},
    }
    try:
        check_document(parse(json.dumps(scenario), "compiled"), registry())
    except ScenarioError:
        return False
    return True


def _playing(kind: str) -> list[str]:
    """The faults that play a failure: the one of its name first."""
    found = [name for name in faults.names() if faults.find(name).failure_kind == kind]
    return sorted(found, key=lambda name: (name != kind, name))


def _like(kind: str, dialect: str, status: int | None, likely: Sequence[str]) -> Iterator[str]:
    """The kind, and those like it that the vendor has, the likest first: of `likely` rather than any other."""
    rank = {each: place for place, each in enumerate(likely)}
    has = sorted(dialects.find(dialect).failures, key=lambda each: (rank.get(each, len(rank)), each))
    if kind in OWN_KINDS:
        yield from _INSTEAD.get(kind, ())
        return
    yield kind
    status = status or classify.status_of(dialect, kind)
    if status is None:
        return
    usual = classify.by_status(dialect, status)
    yield usual
    yield from (each for each in has if classify.status_of(dialect, each) == status)
    if status >= 500:
        yield from ("server_error", "overloaded", "bad_gateway_page")
