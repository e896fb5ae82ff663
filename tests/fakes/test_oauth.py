from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from banstorm.fakes import oauth
from banstorm.fakes.account import Accounts
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.oauth import GrantRefusedError, Grants, with_token_endpoint
from banstorm.fakes.prices import PriceTable

EXPIRED = {"anthropic": 401, "openai": 401}
REVOKED = {"anthropic": 403, "openai": 401}


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
        headers = {**self.fake.headers, "authorization": f"Bearer {token}"}
        headers.pop("x-api-key", None)
        return int((await self.fake.post(self.fake.question("hi"), headers=headers)).status)

    async def refresh(self, token: str, **other: Any) -> Any:
        """What the token endpoint answers."""
        body = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "c", **other}
        return await self.fake.post(body, path="/v1/oauth/token")


@pytest.fixture
def vendor(fake: Any) -> Provider:
    """Each vendor in turn, with OAuth."""
    return Provider(fake)


async def test_tokens_are_used_refreshed_and_used_again(vendor, provider) -> None:
    """An access token works until it expires; the refresh token brings a new pair, and old access lives to its end."""
    first = vendor.grants.login()
    assert await vendor.ask(first.access) == 200
    vendor.clock.now_s += 3599
    answered = await vendor.refresh(first.refresh)
    assert (answered.status, answered.headers["cache-control"]) == (200, "no-store")
    second = answered.document
    assert (second["token_type"], second["expires_in"]) == ("Bearer", 3600)
    assert second["refresh_token"] != first.refresh
    assert [await vendor.ask(token) for token in (first.access, second["access_token"])] == [200, 200]
    vendor.clock.now_s += 1
    assert [await vendor.ask(token) for token in (first.access, second["access_token"])] == [EXPIRED[provider], 200]


async def test_a_form_is_understood_as_well(vendor) -> None:
    """RFC 6749 has the request as a form; the vendors' clients send JSON."""
    body = urlencode({"grant_type": "refresh_token", "refresh_token": vendor.grants.login().refresh}).encode()
    answered = await vendor.fake.request("POST", "/v1/oauth/token", body)
    assert answered.status == 200
    assert await vendor.ask(answered.document["access_token"]) == 200


REUSED = {
    "anthropic": (400, {"error": "invalid_grant", "error_description": "Refresh token not found or invalid"}),
    "openai": (
        401,
        {
            "error": {
                "message": "Your refresh token has already been used to generate a new access token. "
                "Please try signing in again.",
                "type": "invalid_request_error",
                "param": None,
                "code": "refresh_token_reused",
            }
        },
    ),
}


async def test_a_refresh_token_used_twice_revokes_the_grant(vendor, provider) -> None:
    """A retried refresh kills every token of the grant, for good, while other grants live on."""
    first, other = vendor.grants.login(), vendor.grants.login()
    second = (await vendor.refresh(first.refresh)).document
    reused = await vendor.refresh(first.refresh)
    assert (reused.status, reused.document) == REUSED[provider]
    statuses = [await vendor.ask(token) for token in (first.access, second["access_token"], other.access)]
    assert statuses == [REVOKED[provider], REVOKED[provider], 200]
    assert (await vendor.refresh(second["refresh_token"])).status in {400, 401}
    vendor.clock.now_s += 4000
    assert await vendor.ask(second["access_token"]) == REVOKED[provider], "a revoked token never merely expires"


async def test_a_refresh_token_expires(vendor, provider) -> None:
    """A grant that nobody refreshes in time dies: the trap of accounts that cool down for long."""
    tokens = vendor.grants.login()
    vendor.clock.now_s += oauth.REFRESH_S
    refused = await vendor.refresh(tokens.refresh)
    said = {
        "anthropic": (400, "Refresh token expired"),
        "openai": (401, "Could not validate your token. Please try signing in again."),
    }[provider]
    assert refused.status == said[0]
    assert said[1] in refused.body.decode()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"refresh_token": "nonsense"}, ""),
    ({"refresh_token": ""}, "invalid_request"),
    ({"refresh_token": 7}, "invalid_request"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
]


@pytest.mark.parametrize(("other", "code"), BAD)
async def test_a_bad_request_is_refused(vendor, other, code) -> None:
    """What is no refresh is refused in the vendor's envelope, and the grant is unharmed."""
    tokens = vendor.grants.login()
    refused = await vendor.refresh(**{"token": tokens.refresh, **other})
    assert refused.status in {400, 401}
    assert code in refused.body.decode()
    assert (await vendor.refresh(tokens.refresh)).status == 200


async def test_the_endpoint_takes_posts_of_a_bounded_size(vendor) -> None:
    """Another method and a huge body get the vendor's refusals."""
    assert (await vendor.fake.request("GET", "/v1/oauth/token")).status == 405
    assert (await vendor.fake.post(b"x" * (oauth.BODY_BYTES_MAX + 1), path="/v1/oauth/token")).status == 413


async def test_each_exchange_has_its_bill(vendor) -> None:
    """The token endpoint's requests are in the books at zero, refused ones and torn ones included."""
    tokens = vendor.grants.login()
    await vendor.refresh(tokens.refresh)
    await vendor.refresh(tokens.refresh)
    await vendor.fake.request("POST", "/v1/oauth/token", b"{", whole=False)
    assert [(bill.usd, bill.completed) for bill in vendor.fake.bills] == [(0, True), (0, False), (0, False)]


async def test_a_blocked_region_blocks_the_exchange(vendor) -> None:
    """Who may not come in gets no token either, and keeps the refresh token for later."""
    tokens = vendor.grants.login("acme")
    vendor.accounts.change("region_blocked", organisation="acme")
    assert (await vendor.refresh(tokens.refresh)).status == 403
    assert await vendor.ask(tokens.access) == 403
    vendor.accounts.change("ok", organisation="acme")
    assert (await vendor.refresh(tokens.refresh)).status == 200


def test_an_openai_token_tells_its_end(make_fake) -> None:
    """OpenAI's access token is a JSON web token whose claims clients read."""
    claims = Provider(make_fake("openai")).grants.login("acme").access.split(".")[1]
    told = orjson.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert told["exp"] - told["iat"] == 3600
    assert told["https://api.openai.com/auth"] == {"chatgpt_account_id": "acme"}


def test_grants_and_tokens_are_bounded(vendor, monkeypatch) -> None:
    """Old grants and tokens make way, and what made way is unknown."""
    monkeypatch.setattr(oauth, "GRANTS_MAX", 2)
    monkeypatch.setattr(oauth, "TOKENS_MAX", 3)
    oldest = vendor.grants.login()
    vendor.grants.login()
    tokens = first = vendor.grants.login()
    for _ in range(4):
        tokens = vendor.grants.refresh(tokens.refresh)
    for gone in (oldest, first):
        with pytest.raises(GrantRefusedError, match="unknown"):
            vendor.grants.refresh(gone.refresh)
    assert len(list(vendor.accounts.members())) == 4
    vendor.grants.reset()
    assert not list(vendor.accounts.members())


def test_the_same_seed_gives_the_same_tokens(vendor) -> None:
    """Tokens are a function of the seed and of how often was logged in and refreshed."""
    again = Provider(vendor.fake)
    assert vendor.grants.login() == again.grants.login() != again.grants.login()
