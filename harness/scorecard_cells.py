"""What a scorecard plays: targets × scenarios, each planned as a run, in another dialect where the target needs it."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import orjson

from ..scenarios.problems import ScenarioError
from .command_run import prepare
from .errors import HarnessError
from .manifest import version
from .plan import Plan, Wish
from .targets._choice import choose
from .targets._program import ProgramTarget
from .targets.base import Target

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Largest file named in a target's command that is a part of the cell's fingerprint, in bytes."""
OF_THE_SCENARIO: Final = ("providers", "timeline")
"""Where a refusal is told to lie if the target can't be given such a scenario; any other is about the machine."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A cell as it can be played, or why it can't."""

    target: str
    scenario: str
    plan: Plan | None = None
    dialect: str | None = None
    refused: HarnessError | None = None

    @property
    def is_unsuitable(self) -> bool:
        """Whether the target can't be given such a scenario, whatever the machine has."""
        return self.refused is not None and self.refused.where.startswith(OF_THE_SCENARIO)


def ask(wish: Wish) -> Asked:
    """Plan one cell. A target that doesn't translate is given all providers in one dialect of the scenario's.

    Raises:
        ScenarioError: when the scenario can't be used, whoever plays it.
        HarnessError: when the target's name or the options can't.
    """
    choose(wish.target, wish.options)
    try:
        return Asked(wish.target, wish.scenario, prepare(wish))
    except HarnessError as error:
        refused = error
    if refused.where.startswith(OF_THE_SCENARIO):
        for dialect in _dialects(wish):
            try:
                plan = prepare(replace(wish, dialect=dialect))
            except ScenarioError:
                continue  # its faults don't exist in this dialect; the next one is tried
            except HarnessError as error:
                refused = error if not error.where.startswith(OF_THE_SCENARIO) else refused
                continue
            return Asked(wish.target, wish.scenario, plan, dialect)
    return Asked(wish.target, wish.scenario, refused=refused)


def _dialects(wish: Wish) -> list[str]:
    """The scenario's dialects, the first provider's first; none if all have one already."""
    plan = prepare(replace(wish, target="reference"))
    found = list(dict.fromkeys(each.dialect for each in plan.scenario.providers.values()))
    return found if len(found) > 1 else []


def key(plan: Plan) -> str:
    """A fingerprint of what decides a run: scenario, seed, load, target, its version and its settings."""
    told = {
        "scenario": plan.public_scenario,
        "host": plan.wish.host.value,
        "target": plan.wish.target,
        "version": plan.target.version,
        "detail": plan.target.detail,
        "words": plan.wish.options.words,
        "files": list(_files(plan.target)),
        # The reference router is a part of this package; a router of somebody else's is not.
        "banstorm": version("banstorm") if plan.target.kind == "reference" else None,
    }
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _files(target: Target) -> Iterator[str]:
    """What the files hold that make up a user's own router: its description, and those that its command names."""
    options = target.options
    told = [] if options.file is None else [options.file]
    words = options.command or ""
    if options.file is not None:
        words = str(getattr(getattr(target, "told", None), "command", ""))
        config = getattr(getattr(target, "told", None), "config", None)
        told += [] if config is None else [options.file.parent / config]
    beside = Path() if options.file is None else options.file.parent
    told += [beside / word for word in shlex.split(words)[1:]]
    for path in told:
        if path.is_file() and path.stat().st_size <= FILE_BYTES_MAX:
            yield hashlib.sha256(path.read_bytes()).hexdigest()


def is_of_the_machine(target: Target) -> bool:
    """Whether the target's version is known only once it was asked for."""
    return isinstance(target, ProgramTarget) and target.installation is None
