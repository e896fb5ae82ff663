"""Each failure of each vendor, by what its official SDK makes of it: one test plays every table of truth.

What is seen is kept, and `scripts/write_sdk_table.py` writes ``docs/sdk-conformance.md`` from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from banstorm.fakes.dialects import find, names
from banstorm.fakes.dialects.base import Dialect, UnknownFailureError
from proof import players
from proof.scene import TOKENS, Scene
from proof.sleeps import Sleeps
from proof.truth import FOLDER, Row, Truth, cases, truths

CASES = [
    pytest.param(truth, place, name, flavour, id=f"{truth.name}-{place}-{name}-{flavour}")
    for truth, place, name in cases()
    for flavour in players.find(truth.player).flavours
]
WITHOUT_SDK = {"http_service"}
"""The dialect of services that users describe themselves."""
FOREIGN = ("aiohttp", "httpx", "httpx2", "json", "urllib3")
"""Libraries beneath SDKs, some of whose exceptions come through."""


@pytest.fixture(autouse=True)
def no_ambient_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that Amazon's SDK finds in the environment takes part."""
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_tables_are_whole() -> None:
    """Every failure that a dialect has, and each of its variants, stands in each table for that dialect."""
    assert {truth.dialect for truth in truths()} == set(names()) - WITHOUT_SDK
    for truth in truths():
        dialect = find(truth.dialect)
        assert dialect.failures == truth.kinds, truth.name
        assert set(_variants(dialect)) == truth.variants, truth.name


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_row_stands_twice(path) -> None:
    """A table has each row once: YAML would take the last one without a word."""
    nodes = [yaml.compose(path.read_text("utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            assert sorted(set(keys)) == sorted(keys)
            nodes += [value for _, value in node.value]


@pytest.mark.parametrize(("truth", "place", "name", "flavour"), CASES)
async def test_row(lab, player, results, monkeypatch, truth: Truth, place: str, name: str, flavour: str) -> None:
    """The SDK raises the exception of the real API's failure, after as many tries and waits as with the real API."""
    patient = place == "retrying" or (place == "told" and bool(truth.rows["retrying"]))
    made = player(truth.player, truth.dialect, flavour, retrying=patient)
    sleeps = Sleeps()
    with monkeypatch.context() as patches:
        sleeps.patch(patches, made.clock)
        for stream in truth.streams(place, name):
            row = truth.row(place, name, flavour=flavour, stream=stream)
            lab.stage.set(_scene(truth, place, name))
            sleeps.waits.clear()
            seen, error = await _seen(made, stream=stream)
            seen = replace(seen, tries=lab.stage.hits, waits=_named(truth, row, sleeps.waits))
            assert row == seen, f"the table says {row}, the SDK did {seen}"
            assert len(sleeps.waits) == lab.stage.hits - 1
            if place == "before" and error is not None and made.has_request_ids:
                assert (made.request_id(error) is None) == (name in truth.without_request_id)
            assert place != "inside" or len(made.got) >= TOKENS  # what came before the error is the caller's
            results.add(truth, place, name, flavour, seen, stream=stream)


def _variants(dialect: Dialect) -> Iterator[tuple[str, str]]:
    """The kinds that a dialect has other words for, with the names of those, as it tells whoever names a wrong one."""
    for kind in dialect.failures:
        with pytest.raises(UnknownFailureError, match="it has ") as caught:
            dialect.failure(kind, {"variant": "?"}, id_seed=1)
        told = str(caught.value).rpartition("it has ")[2]
        yield from ((kind, variant) for variant in told.split(", ") if variant != "none")


def _scene(truth: Truth, place: str, name: str) -> Scene:
    if place == "ends":
        return Scene(name)
    kind = "rate_limited" if place == "told" else name.partition("/")[0]
    return Scene("inside" if place == "inside" else "before", kind, truth.details(place, name))


async def _seen(player: Any, *, stream: bool) -> tuple[Row, Exception | None]:
    try:
        answer = await player.ask(stream=stream)
    except Exception as error:  # noqa: BLE001 - which it is, is what is asked
        family = type(error).__module__.partition(".")[0]
        foreign = f"{family}." if family in FOREIGN else ""
        return Row(f"{foreign}{type(error).__name__}", player.status(error), player.says(error)), error
    return Row(None, None, player.sees(answer)), None


def _named(truth: Truth, row: Row, waits: list[float]) -> float | str | None:
    """The waits as the row has them if they are what it means, else as they were."""
    if truth.fits(row.waits, waits):
        return row.waits
    return ", ".join(f"{wait:g}" for wait in waits) or None
