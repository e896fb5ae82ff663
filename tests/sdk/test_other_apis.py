"""A vendor's other APIs fail as the one with a table of truth: the SDK raises the same and tries as often."""

from __future__ import annotations

from dataclasses import replace

import pytest
from proof import players
from proof.scene import Scene
from proof.sleeps import Sleeps
from proof.truth import Truth, truths, version

OTHERS = {
    "openai_embeddings": "openai_chat",
    "azure_embeddings": "azure",
    "azure_responses": "azure",
    "bedrock_invoke": "bedrock",
}
"""The table that holds for each API, by the name of its player."""
CASES = [
    pytest.param(truth, player, name, flavour, id=f"{player}-{name}-{flavour}")
    for truth in truths()
    for player, table in OTHERS.items()
    if table == truth.name and version(truth.sdk) is not None
    for name, row in truth.rows["before"].items()
    if row.raises is not None
    for flavour in players.find(player).flavours
]


@pytest.mark.parametrize(("truth", "name_of_player", "name", "flavour"), CASES)
async def test_it_fails_as_the_table_says(
    lab, player, monkeypatch, truth: Truth, name_of_player: str, name: str, flavour: str
) -> None:
    """What is no answer in a form of its own is the same failure, whichever of the vendor's APIs was asked."""
    made = player(name_of_player, truth.dialect, flavour, retrying=False)
    row = truth.row("before", name, flavour=flavour, stream=False)
    sleeps = Sleeps()
    with monkeypatch.context() as patches:
        sleeps.patch(patches, made.clock)
        lab.stage.set(Scene("before", name.partition("/")[0], truth.details("before", name)))
        with pytest.raises(Exception) as caught:  # noqa: PT011 - which it is, is what is asked
            await made.ask(stream=False)
    error = caught.value
    seen = replace(row, raises=type(error).__name__, status=made.status(error), says=made.says(error))
    assert row.raises is not None
    expected = replace(row, raises=row.raises.rpartition(".")[2])
    assert (expected, row.tries) == (seen, lab.stage.hits)
