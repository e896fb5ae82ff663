"""A fake with a token endpoint, its customers and their grants, for tests of OAuth."""

from __future__ import annotations

from typing import Any

from banstorm.fakes.account import Accounts
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.oauth import Grants
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.token_endpoint import with_token_endpoint


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Seconds now."""
        return self.now_s


class Provider:
    """A fake with a token endpoint, its customers and their grants."""

    def __init__(self, fake: Any) -> None:
        self.clock = Clock()
        self.fake = fake
        self.dialect = find(fake.name)
        self.accounts = Accounts(self.dialect.failures, seed=1, clock=self.clock)
        self.grants = Grants(self.accounts, fake.name, seed=1, wall=lambda: 1_787_000_000.0)
        app = create_app(
            fake.name,
            self.dialect,
            fake.pace,
            run_seed=1,
            bill=fake.bills.append,
            prices=PriceTable.load(),
            account=self.accounts,
        )
        fake.app = with_token_endpoint(app, self.grants, self.dialect, provider=fake.name, bill=fake.bills.append)

    async def ask(self, token: str) -> int:
        """The status of a question asked with an access token."""
        return int((await self.answered(token)).status)

    async def answered(self, token: str, beta: str = "other-1,oauth-2025-04-20", **question: Any) -> Any:
        """What a question with an access token gets."""
        headers = {**self.fake.headers, "authorization": f"Bearer {token}", "anthropic-beta": beta}
        headers.pop("x-api-key", None)
        return await self.fake.post(self.fake.question("hi", **question), headers=headers)

    async def refresh(self, token: str, **other: Any) -> Any:
        """What the token endpoint answers."""
        body = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "c", **other}
        return await self.fake.post(body, path="/v1/oauth/token")
