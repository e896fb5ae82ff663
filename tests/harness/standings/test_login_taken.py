"""A login whose refresh token somebody else uses as well: nothing shows until the second use, which ends it."""

from __future__ import annotations

from typing import Any

import pytest
from banstorm.fakes.dialects import find
from banstorm.fakes.oauth import GrantRefusedError
from banstorm.fakes.prices import PriceTable
from banstorm.harness import standings
from banstorm.harness.standings.staged import Staged
from banstorm.scenarios.entry import Entry
from banstorm.scenarios.model import Scenario

BETA = {"anthropic-beta": "oauth-2025-04-20", "x-banstorm-attempt": "7f3a9c-1"}


class Customer:
    """The customer of a provider with a login, on a clock that the test moves."""

    def __init__(self, dialect: str, *timeline: dict[str, Any]) -> None:
        scenario = Scenario.model_validate(
            {
                "version": 1,
                "title": "a test",
                "story": "none",
                "source": "none",
                "seed": 1,
                "providers": {"one": {"dialect": dialect, "model": "m", "login": {"expires": "4s"}}},
                "load": {"rate": "1/s", "duration": "1h"},
                "timeline": list(timeline),
                "expect": {"lost_calls": 0},
            }
        )
        self.now_s = 0.0
        clock = lambda: self.now_s  # noqa: E731 - a clock
        self.staged = Staged(scenario, "one", find(dialect), seed=1, prices=PriceTable.load(), clock=clock)
        self.tokens = self.staged.grants.login()
        self.staged.begin(0.0)

    def refresh(self) -> None:
        """Exchange the token that it holds."""
        self.tokens = self.staged.grants.refresh(self.tokens.refresh)

    def refused(self) -> tuple[str, str | None] | None:
        """What a request is refused with, and whose doing that is."""
        refusal = self.staged.accounts.refusal(self.tokens.access, scope={}, headers=BETA)
        return None if refusal is None else (refusal.kind, refusal.entry)


@pytest.mark.parametrize("dialect", ["anthropic", "openai"])
def test_the_second_use_ends_the_login(dialect):
    """Before the window refreshes succeed; after it the access token works on until the next refresh, which fails."""
    customer = Customer(dialect, {"at": "3s", "on": "one", "standing": "login_taken"})
    customer.now_s = 2.0
    customer.refresh()
    customer.now_s = 3.5
    assert customer.refused() is None
    with pytest.raises(GrantRefusedError) as caught:
        customer.refresh()
    assert "reused" == caught.value.why
    assert ("oauth_revoked", "0:login_taken") == customer.refused()
    with pytest.raises(GrantRefusedError):
        customer.refresh()


def test_without_it_tokens_rotate_and_expire():
    """A login is well as long as each refresh token is used once, and its access tokens end when they said."""
    customer = Customer("anthropic")
    for n in range(1, 20):
        customer.now_s = 3.0 * n
        customer.refresh()
        assert customer.refused() is None
    customer.now_s += 4.5
    assert ("oauth_expired", None) == customer.refused()
    customer.refresh()
    assert customer.refused() is None


def test_nobody_logs_in_again():
    """An end of its window would promise what does not happen in a run."""
    entry = Entry.model_validate({"at": "1s", "until": "2s", "on": "one", "standing": "login_taken"})
    (complaint,) = standings.find("login_taken")().complaints(entry, 1.0)
    assert ("until",) == complaint.path
