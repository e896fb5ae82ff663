"""The pytest plugin: fake LLM providers for tests, by the fixture `banstorm` and the marker of the same name.

It is loaded into every test session of an environment that has banstorm, so it imports nothing of ours until a test
asks for the fixture.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .lab import Lab
    from .lab_banstorm import Banstorm

MARKER = (
    "banstorm(what, speed=1): play a scenario's timeline around the test's own calls; `what` is a name of banstorm's "
    "library, a file, or entries such as {'on': 'openai', 'until': '5s', 'fault': 'rate_limited'}"
)


class NothingMetWarning(pytest.PytestWarning):
    """A timeline was played to a test, and none of its entries met a request: the test has proved nothing about it."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a test that is marked and doesn't take the fixture: nothing would be played to it."""
    own = any(mark.name == "banstorm" for mark in item.own_markers)
    if own and "banstorm" not in getattr(item, "fixturenames", ("banstorm",)):
        _refuse(
            "a test marked banstorm does not take the fixture, so its code meets no fake provider",
            item.nodeid,
            f"write `def {getattr(item, 'originalname', item.name)}(banstorm):`",
        )


@pytest.fixture(scope="session")
def banstorm_lab() -> Iterator[Lab]:
    """The session's lab: ``Banstorm(banstorm_lab)`` makes providers that live as long as a fixture of one's own."""
    from .lab import Lab

    with Lab() as lab:
        yield lab


@pytest.fixture
def banstorm(request: pytest.FixtureRequest, banstorm_lab: Lab) -> Iterator[Banstorm]:
    """Fake providers of this test's own, on loopback: ``banstorm.openai``, ``banstorm.anthropic`` and so on."""
    from .errors import HarnessError
    from .lab_banstorm import Banstorm

    where = _where(request.node)
    made = Banstorm(banstorm_lab, where)
    mark = request.node.get_closest_marker("banstorm")
    try:
        if mark is not None:
            problem = ""
            try:
                _play(made, mark, where)
            except HarnessError as error:
                problem = str(error)
            if problem:  # outside of the handler, or pytest tells it twice
                pytest.fail(problem, pytrace=False)
        yield made
        if mark is not None and not any(made.bitten.values()):
            entries = ", ".join(made.bitten) or "an empty timeline"
            text = f"{where}: {entries} was played, but met no request: the test proves nothing about it"
            warnings.warn(NothingMetWarning(text), stacklevel=1)
    finally:
        made.close()


def _play(made: Banstorm, mark: pytest.Mark, where: str) -> None:
    strange = sorted(mark.kwargs.keys() - {"speed"})
    if len(mark.args) != 1 or strange:
        given = f"no argument {strange[0]!r}" if strange else f"one thing to play, not {len(mark.args)}"
        _refuse(f"the marker banstorm takes {given}", where, 'write @pytest.mark.banstorm("sudden_ban", speed=10)')
    made.play(mark.args[0], where=where, **mark.kwargs)


def _where(node: Any) -> str:
    """File and line of a test."""
    path, line, _ = node.location
    return f"{Path(path)}:{(line or 0) + 1}"


def _refuse(what: str, where: str, advice: str) -> None:
    pytest.fail(f"error: {what}\nwhere: {where}\nnext:  {advice}", pytrace=False)
