"""From what a test wants played to a scenario: a name of the library, a file, or entries of a timeline in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import HarnessError

if TYPE_CHECKING:
    from ..fakes.dialects.base import Dialect
    from ..scenarios.document import Document
    from ..scenarios.model import Scenario

__tracebackhide__ = methodcaller("errisinstance", (AssertionError, HarnessError))  # pytest shows the test's own line
LASTS: Final = "24h"
"""How long an entry without `until` lasts, on the clock of the timeline, when entries are given in Python."""

Played = str | Path | Mapping[str, Any] | Iterable[Mapping[str, Any]]
"""What can be played: a scenario's name or file, an entry, or entries."""


def scenario_of(played: Played, where: str, dialects: Mapping[str, str]) -> Scenario:
    """The scenario to play.

    Args:
        played: What the test wants.
        where: Where it says so, as ``tests/test_app.py:12``.
        dialects: The dialect of each provider that entries may name.

    Raises:
        HarnessError: when it can't be used, or not without the lab extra; the first mistake.
    """
    from ..scenarios import library
    from ..scenarios.document import read
    from ..scenarios.problems import ScenarioError
    from .registry import registry

    try:
        if isinstance(played, str | Path):
            document = read(library.find(str(played)))
        else:
            document = _document(played, where, dialects)
        scenario = library.check_document(document, registry())
    except ScenarioError as error:
        first, *rest = error.problems
        place = where if first.where == "the command line" else first.where
        more = f" ({len(rest)} more mistakes follow)" if rest else ""
        raise HarnessError(first.what, place, first.next + more) from None
    _check(scenario, document)
    return scenario


def nothing(dialects: Mapping[str, str], seed: int) -> Scenario:
    """A scenario in which nothing happens to these providers."""
    from ..scenarios.model import Scenario

    return Scenario.model_validate({**_frame(dialects), "seed": seed})


def _frame(dialects: Mapping[str, str]) -> dict[str, Any]:
    # a test makes its own calls: the load is not played, but the language has none without
    return {
        "version": 1,
        "title": "a test's own timeline",
        "story": "What the test says.",
        "source": "a test",
        "seed": 1,
        "providers": {name: {"dialect": dialect, "model": "any"} for name, dialect in dialects.items()},
        "load": {"arrivals": "constant", "rate": "1/m", "duration": LASTS},
        "timeline": [],
        "expect": {"silent_losses": 0},
    }


def _document(
    played: Mapping[str, Any] | Iterable[Mapping[str, Any]], where: str, dialects: Mapping[str, str]
) -> Document:
    from ..scenarios.document import Document

    told: Any = played  # nobody checks the types of tests
    entries = list(told) if isinstance(told, Iterable) and not isinstance(told, Mapping) else [told]
    for each in entries:
        if not isinstance(each, Mapping):
            advice = "play a name of `banstorm list`, a file, or entries as {'on': 'openai', 'fault': 'stream_cut'}"
            raise HarnessError(f"{each!r} can't be played", where, advice)
    name, _, line = where.rpartition(":")
    data = _frame(dialects)
    data["timeline"] = [{"at": "0s", **each} for each in entries]
    return Document(name or where, data, {(): int(line)} if line.isdecimal() else {})


def _check(scenario: Scenario, document: Document) -> None:
    """That everything in the timeline can be played without mitmproxy, around calls that the test makes."""
    from ..fakes.dialects import find
    from . import faults
    from .faults.base import Host

    for index, entry in enumerate(scenario.timeline):
        where = document.where(("timeline", index, entry.kind))
        if entry.event is not None:
            what = f"{entry.event!r} happens to a router that banstorm starts, so it can't be played around a test"
            raise HarnessError(what, where, "play it with `banstorm run`, or take the entry out")
        if entry.share_of == "caller":
            what = "a share of callers can't be played around a test: nobody says who its callers are"
            raise HarnessError(what, where, "write share_of: credential, and give each caller a key")
        for name in entry.on if entry.fault is not None else ():
            provider = scenario.providers[name]
            dialect: Dialect = find(provider.dialect, provider.service)
            for reason in faults.refusals(entry.fault or "", dialect, Host.INLINE):
                raise HarnessError(reason, where, "play it with `banstorm run`, or choose another fault")
