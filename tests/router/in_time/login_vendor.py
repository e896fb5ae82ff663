"""A vendor with OAuth logins on virtual time: a fake with its token endpoint, and the wire to it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from banstorm.router import AnthropicProvider, AttemptFailed, AttemptLimits, LLMRequest, OpenAIProvider
from banstorm.router.access_tokens import AccessTokens
from banstorm.router.oauth_login import OAuthLogin
from banstorm.router.token_endpoint import TokenEndpoint

fake_accounts = pytest.importorskip("banstorm.fakes.account")
fake_app = pytest.importorskip("banstorm.fakes.app")
fake_dialects = pytest.importorskip("banstorm.fakes.dialects")
fake_oauth = pytest.importorskip("banstorm.fakes.oauth")
fake_pace = pytest.importorskip("banstorm.fakes.pace")
fake_prices = pytest.importorskip("banstorm.fakes.prices")
fake_endpoint = pytest.importorskip("banstorm.fakes.token_endpoint")

PROVIDERS = {"anthropic": (AnthropicProvider, ""), "openai": (OpenAIProvider, "/v1")}


class Vendor:
    """A fake with a token endpoint on the loop's clock; `wire` is between it and the router."""

    def __init__(self, lab: Any, style: str = "anthropic") -> None:
        self.lab, self.style, self.bills = lab, style, []
        dialect = fake_dialects.find(style)
        self.accounts = fake_accounts.Accounts(dialect.failures, seed=1, clock=lab.now)
        self.grants = fake_oauth.Grants(self.accounts, style, seed=1, wall=lambda: 1_787_000_000.0)
        app = fake_app.create_app(
            style,
            dialect,
            fake_pace.Pace(ttft_s=0.05, tokens_per_second=1000),
            run_seed=1,
            bill=self.bills.append,
            prices=fake_prices.PriceTable.load(),
            account=self.accounts,
        )
        self.app = fake_endpoint.with_token_endpoint(app, self.grants, dialect, provider=style, bill=self.bills.append)
        self.presented: list[str] = []
        self.lose_answers = self.slow_s = 0
        self.logins: list[OAuthLogin] = []

    async def _wire(self, scope: Any, receive: Any, send: Any) -> None:
        """Counts what the token endpoint is presented with, and loses its answers if told to."""
        if not scope["path"].endswith("/oauth/token"):
            await self.app(scope, receive, send)
            return
        heard: list[Any] = []

        async def listen() -> Any:
            heard.append(await receive())
            return heard[-1]

        async def keep_back(_message: Any) -> None:
            return

        lost = self.lose_answers > 0
        await asyncio.sleep(self.slow_s)
        await self.app(scope, listen, keep_back if lost else send)
        self.presented.append(heard[0]["body"].decode())
        if lost:
            self.lose_answers -= 1
            raise httpx.ReadError("the connection broke")

    def login(self, kept: Any, name: str = "claude", **settings: Any) -> OAuthLogin:
        """A provider with this login."""
        made, path = PROVIDERS[self.style]

        def client() -> httpx.AsyncClient:
            return httpx.AsyncClient(transport=httpx.ASGITransport(app=self._wire))

        inner = made(None, f"http://vendor{path}", name=name, client=client(), owns_client=True)
        endpoint = TokenEndpoint("http://vendor/v1/oauth/token", client())
        login = OAuthLogin(inner, AccessTokens(kept, endpoint, name=name, clock=self.lab.now, **settings))
        login.credential = "subscription"
        self.logins.append(login)
        return login

    @property
    def reuse_seen(self) -> bool:
        """Whether a refresh token was presented twice."""
        return len(self.presented) != len(set(self.presented))

    async def close(self) -> None:
        """Close every login."""
        for login in self.logins:
            await login.aclose()


def played(lab: Any, style: str, scene: Any) -> Any:
    """Play a scene with a vendor on virtual time."""

    async def play() -> Any:
        vendor = Vendor(lab, style)
        try:
            return await scene(vendor)
        finally:
            await vendor.close()

    return lab.virtually(play())


async def asked(login: OAuthLogin, *, stream: bool = False) -> str:
    """One attempt: `ok`, or the reason why not."""
    request = LLMRequest("hello", max_tokens=20)
    try:
        if not stream:
            await login.generate(request, AttemptLimits())
        else:
            async for _ in login.stream(request, AttemptLimits()):
                pass
    except AttemptFailed as error:
        return error.failure.reason
    return "ok"
