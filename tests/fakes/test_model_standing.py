from __future__ import annotations

from typing import Any

import pytest
from banstorm.fakes import model_standing
from banstorm.fakes.account import AccountError, Accounts
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.prices import PriceTable

KINDS = frozenset({"model_retired", "model_not_found", "overloaded"})


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Seconds now."""
        return self.now_s


def _say(fake: Any, accounts: Accounts) -> None:
    fake.app = create_app(
        fake.name,
        find(fake.name),
        fake.pace,
        run_seed=1,
        bill=fake.bills.append,
        prices=PriceTable.load(),
        account=accounts,
    )


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


# what was changed (state, model, organisation), and what is refused: model and organisation of each request
RULES: list[tuple[list[tuple[str, str, str | None]], list[str]]] = [
    ([("model_retired", "old", None)], ["old/acme", "old/other"]),
    ([("model_retired", "old", "acme")], ["old/acme"]),
    ([("model_retired", "o*", None)], ["old/acme", "old/other", "old-2/acme", "old-2/other"]),
    ([("model_retired", "o*", None), ("ok", "old", None)], ["old-2/acme", "old-2/other"]),
    ([("model_retired", "o*", None), ("ok", "old*", "acme")], ["old/other", "old-2/other"]),
    ([("model_not_found", "*", None), ("ok", "new", None)], ["old/acme", "old/other", "old-2/acme", "old-2/other"]),
    ([("model_retired", "old", None), ("ok", "old", None)], []),
    ([("model_retired", "old", "acme"), ("ok", "old", None)], ["old/acme"]),
]


@pytest.mark.parametrize(("changes", "refused"), RULES)
def test_the_nearest_change_of_a_model_counts(clock, changes, refused) -> None:
    """A model's own standing outdoes a pattern's, an organisation's everybody's, a longer pattern a shorter one's."""
    accounts = Accounts(KINDS, seed=1, clock=clock)
    accounts.enrol("acme", "acme")
    accounts.enrol("other", "other")
    for state, model, organisation in changes:
        accounts.change_model(state, model, organisation=organisation)
    pairs = [(model, key) for model in ("old", "old-2", "new") for key in ("acme", "other")]
    found = [f"{model}/{key}" for model, key in pairs if accounts.admit(key, _ask(model)) is not None]
    assert sorted(found) == sorted(refused)
    accounts.reinstate()
    assert accounts.admit("acme", _ask("old")) is None


def _ask(model: str) -> Any:
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "hi"}}]}}'.encode()
    return find("openai").read("POST", "/v1/chat/completions", {"authorization": "Bearer k"}, body)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_is_retired_at_its_moment(provider, make_fake, clock, stream) -> None:
    """Until the moment it answers, then the vendor says that the model is gone; others go on, and nothing is billed."""
    fake = make_fake(provider)
    accounts = Accounts(find(provider).failures, seed=1, clock=clock)
    _say(fake, accounts)
    model = fake.question("hi")["model"]
    accounts.change_model("model_retired", model, in_s=10, for_s=20, entry="0:model_retired")
    attempt = {**fake.headers, "x-banstorm-attempt": "1"}
    seen = []
    for moment in (1000, 1009.9, 1010, 1030):
        clock.now_s = moment
        seen.append((await fake.post(fake.question("hi", stream=stream), headers=attempt)).status)
    assert seen == [200, 200, 404, 200]
    clock.now_s = 1010
    refused = await fake.post(fake.question("hi", stream=stream), headers=attempt)
    assert model in refused.body.decode()
    assert refused.headers["x-banstorm-entry"] == "0:model_retired"
    assert fake.bills[-1].usd == 0
    assert (await fake.post(fake.question("hi", stream=stream, model="another"))).status == 200


def test_models_are_checked_and_bounded(clock, monkeypatch) -> None:
    """A failure that the vendor lacks is refused by name, and only so many models have a standing of their own."""
    accounts = Accounts(KINDS, seed=1, clock=clock)
    with pytest.raises(AccountError, match="did you mean 'model_retired'"):
        accounts.change_model("model_retire", "m")
    monkeypatch.setattr(model_standing, "MODELS_MAX", 1)
    accounts.change_model("model_retired", "m")
    accounts.change_model("ok", "m")
    with pytest.raises(AccountError, match="1 models"):
        accounts.change_model("model_retired", "n")
    assert [(model, change.state) for _, model, change in accounts.model_changes()] == [
        ("m", "model_retired"),
        ("m", "ok"),
    ]
