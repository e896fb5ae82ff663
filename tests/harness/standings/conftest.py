"""A provider whose timeline is played on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from banstorm.fakes.app import ENTRY_HEADER
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Ask
from banstorm.fakes.prices import PriceTable
from banstorm.harness.standings.staged import Staged
from banstorm.scenarios.model import Scenario

COUNTED = {"x-banstorm-attempt": "7f3a9c-1"}


class Provider:
    """A provider of a scenario, asked as a fake asks it."""

    def __init__(self, scenario: Scenario, name: str, seed: int, t0_s: float | None = 0.0) -> None:
        self.now_s = 0.0
        self._dialect = find(scenario.providers[name].dialect)
        self.staged = Staged(
            scenario, name, self._dialect, seed=seed, prices=PriceTable.load(), clock=lambda: self.now_s
        )
        if t0_s is not None:
            self.staged.begin(t0_s)

    def ask(
        self,
        key: str = "key",
        model: str = "claude-sonnet-5",
        *,
        produced: int = 10,
        operation: str = "chat",
        counted: bool = True,
    ) -> tuple[str | None, str | None]:
        """One request: the failure it is refused with (None: answered), and the entry that it names."""
        accounts = self.staged.accounts
        refused = accounts.refusal(key, scope={}, headers=COUNTED if counted else {})
        ask = Ask(model, stream=False, text="", mark=None, input_tokens=10, operation=operation)
        refused = accounts.admit(key, ask) if refused is None else refused
        if refused is not None:
            return refused.kind, refused.entry
        usd, _ = self.staged.prices.bill(model, 10, 0, produced)
        accounts.settle(key, ask, produced, usd)
        return None, dict(accounts.headers(key, ask, [])).get(ENTRY_HEADER)

    def at(self, now_s: float, *arguments: Any, **more: Any) -> tuple[str | None, str | None]:
        """One request at a moment."""
        self.now_s = now_s
        return self.ask(*arguments, **more)


@pytest.fixture
def provider_of() -> Callable[..., Provider]:
    """Makes a provider whose timeline has begun at 0 s."""

    def make(
        *timeline: dict[str, Any],
        name: str = "one",
        dialect: str = "anthropic",
        providers: Sequence[str] = ("one", "two"),
        seed: int = 1,
        t0_s: float | None = 0.0,
    ) -> Provider:
        scenario = Scenario.model_validate(
            {
                "version": 1,
                "title": "a test",
                "story": "none",
                "source": "none",
                "seed": 1,
                "providers": {each: {"dialect": dialect, "model": "claude-sonnet-5"} for each in providers},
                "load": {"rate": "1/s", "duration": "1h"},
                "timeline": list(timeline),
                "expect": {"lost_calls": 0},
            }
        )
        return Provider(scenario, name, seed, t0_s)

    return make
