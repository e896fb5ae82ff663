"""Services beyond LLMs that a scenario names: their definitions go into it, so a run's folder needs no other file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from .document import Document, Path_
from .model import Provider, Scenario
from .problems import Problem, ScenarioError
from .registry import Registry


def with_definitions(scenario: Scenario, document: Document, registry: Registry) -> Scenario:
    """`scenario` with each provider's `service` as its definition; a path is relative to the scenario's file.

    Raises:
        ScenarioError: when there is no such service, or it can't be used.
    """
    changed: dict[str, Provider] = {}
    problems: list[Problem] = []
    for name, provider in scenario.providers.items():
        if provider.service is None:
            continue
        place: Path_ = ("providers", name, "service")
        if registry.service is None or provider.dialect != registry.service_dialect:
            advice = f"write dialect: {registry.service_dialect}, or leave service out"
            what = f"only the dialect {registry.service_dialect!r} has services, not {provider.dialect!r}"
            problems.append(Problem(what, document.where(place), advice))
            continue
        try:
            rule = registry.service(provider.service, Path(document.name).parent, partial(_where, document, place))
        except ScenarioError as error:
            problems += error.problems
        else:
            changed[name] = provider.model_copy(update={"service": dict(rule.definition)})
    if problems:
        raise ScenarioError(problems)
    return scenario.model_copy(update={"providers": {**scenario.providers, **changed}}) if changed else scenario


def _where(document: Document, place: Path_, inner: Path_) -> str:
    return document.where((*place, *inner))
