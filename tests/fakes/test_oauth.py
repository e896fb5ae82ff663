from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from banstorm.fakes import oauth, token_endpoint
from banstorm.fakes.account import AccountError
from banstorm.fakes.oauth import GrantRefusedError
from banstorm.fakes.token_endpoint import FEDERATION_BETA, JWT_BEARER

from .oauth_provider import Provider

EXPIRED = {"anthropic": 401, "openai": 401}
REVOKED = {"anthropic": 403, "openai": 401}


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
    assert (await vendor.fake.post(b"x" * (token_endpoint.BODY_BYTES_MAX + 1), path="/v1/oauth/token")).status == 413


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


@pytest.fixture
def claude(make_fake: Any) -> Provider:
    """Anthropic alone, with OAuth."""
    return Provider(make_fake("anthropic"))


def _assertion(**claims: Any) -> str:
    parts = ({"alg": "RS256"}, {"sub": "workload", "exp": 1_787_000_300, **claims}, {})
    return ".".join(base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in parts)


FEDERATION = {
    "grant_type": JWT_BEARER,
    "assertion": _assertion(),
    "federation_rule_id": "fdrl_1",
    "organization_id": "acme",
}


async def _federate(claude: Provider, beta: str = FEDERATION_BETA, **other: Any) -> Any:
    headers = {"content-type": "application/json", "anthropic-beta": beta}
    return await claude.fake.post({**FEDERATION, **other}, path="/v1/oauth/token", headers=headers)


async def test_an_identity_token_is_exchanged(claude) -> None:
    """A workload's identity brings an access token of its organisation and workspace, and no refresh token."""
    answered = await _federate(claude, workspace_id="wrkspc_1")
    assert answered.status == 200
    assert answered.document.keys() == {"token_type", "access_token", "expires_in"}
    token = answered.document["access_token"]
    assert await claude.ask(token) == 200
    member = claude.accounts.member(token)
    assert (member.organisation, member.project) == ("acme", "wrkspc_1")
    again = (await _federate(claude, workspace_id="wrkspc_1")).document["access_token"]
    assert token != again
    assert claude.accounts.member(again).owner == member.owner, "they use up the same limits"
    claude.clock.now_s += 3600
    assert await claude.ask(token) == 401


REFUSED_IDENTITIES: list[tuple[dict[str, Any], str]] = [
    ({"beta": "oauth-2025-04-20"}, "invalid_request"),
    ({"assertion": None}, "assertion is missing"),
    ({"federation_rule_id": ""}, "federation_rule_id is missing"),
    ({"organization_id": 7}, "organization_id is missing"),
    ({"assertion": "nonsense"}, "invalid_grant"),
    ({"assertion": "a.b.c"}, "invalid_grant"),
    ({"assertion": _assertion().rpartition(".")[0]}, "invalid_grant"),
    ({"assertion": _assertion(exp=1_787_000_000)}, "expired"),
    ({"assertion": _assertion(exp="soon")}, "expired"),
]


@pytest.mark.parametrize(("other", "words"), REFUSED_IDENTITIES)
async def test_a_bad_identity_is_refused(claude, other, words) -> None:
    """What is no identity token, is an old one, or lacks its beta brings nothing."""
    refused = await _federate(claude, **other)
    assert refused.status == 400
    assert words in refused.body.decode()
    assert list(claude.grants.all()) == []


async def test_only_anthropic_exchanges_identities(make_fake) -> None:
    """OpenAI's endpoint refuses a grant type that it doesn't know."""
    refused = await _federate(Provider(make_fake("openai")))
    assert "unsupported_grant_type" in refused.body.decode()


async def test_a_blocked_organisation_gets_no_token_for_an_identity(claude) -> None:
    """Whose organisation is disabled learns that at the token endpoint already."""
    claude.accounts.change("org_disabled", organisation="acme")
    refused = await _federate(claude)
    assert refused.status == 400
    assert "This organization has been disabled." in refused.body.decode()


@pytest.mark.parametrize("status", [500, 503])
async def test_a_token_endpoint_is_down(vendor, provider, status) -> None:
    """While it is down nothing is refreshed or used up, access tokens work on, and afterwards all is as before."""
    tokens = vendor.grants.login()
    vendor.grants.fail(status, in_s=10, for_s=60, entry="0:oauth_refresh_down")
    vendor.clock.now_s += 10
    body = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
    headers = {**vendor.fake.headers, "x-banstorm-attempt": "1"}
    down = await vendor.fake.post(body, path="/v1/oauth/token", headers=headers)
    assert (down.status, down.headers["x-banstorm-entry"]) == (status, "0:oauth_refresh_down")
    assert "x-banstorm-entry" not in (await vendor.refresh(tokens.refresh)).headers
    assert await vendor.ask(tokens.access) == 200
    vendor.grants.mend(for_s=1)
    assert (await vendor.refresh(tokens.refresh)).status == 200
    vendor.clock.now_s += 1
    assert (await vendor.refresh(tokens.refresh)).status == status
    vendor.clock.now_s += 59
    assert (await vendor.refresh(tokens.refresh)).status in {400, 401}, "up again, and this token was used"
    with pytest.raises(AccountError, match="500 to 599"):
        vendor.grants.fail(404)
    assert EXPIRED[provider] == 401


async def test_grants_are_revoked_by_token_number_and_organisation(vendor, provider) -> None:
    """A revocation names a grant by either token or its number, or all of an organisation, and takes its time."""
    one, two, three, four = (vendor.grants.login(name) for name in ("a", "a", "b", "b"))
    assert vendor.grants.revoke(one.access) == 1
    assert vendor.grants.revoke(number=2) == 1
    assert vendor.grants.revoke(organisation="b", settle_s=100) == 2
    said = [await vendor.ask(tokens.access) for tokens in (one, two, three, four)]
    assert said == [REVOKED[provider], REVOKED[provider], 200, 200]
    vendor.clock.now_s += 100
    assert await vendor.ask(three.access) == REVOKED[provider]
    assert [grant.revoked for grant in vendor.grants.all()] == [True] * 4
    with pytest.raises(GrantRefusedError, match="unknown"):
        vendor.grants.revoke("nonsense")


async def test_lifting_bans_revives_no_token(vendor, provider) -> None:
    """Reinstating everybody neither makes a revoked token work nor lets one live beyond its time."""
    one, two = vendor.grants.login(), vendor.grants.login()
    vendor.grants.revoke(one.refresh)
    vendor.accounts.change("org_disabled")
    vendor.accounts.reinstate()
    assert [await vendor.ask(tokens.access) for tokens in (one, two)] == [REVOKED[provider], 200]
    vendor.clock.now_s += 3600
    assert await vendor.ask(two.access) == EXPIRED[provider]


async def test_a_login_with_tokens_of_ones_own(vendor, provider) -> None:
    """Tokens that were chosen work and refresh like others, live as long as asked, and can't be given twice."""
    access = "sk-ant-oat01-mine" if provider == "anthropic" else "mine"
    vendor.grants.login(access=access, refresh="my-refresh", access_s=30)
    assert await vendor.ask(access) == 200
    vendor.clock.now_s += 30
    assert await vendor.ask(access) == EXPIRED[provider]
    assert (await vendor.refresh("my-refresh")).status == 200
    assert (await vendor.refresh(access)).status in {400, 401}, "an access token refreshes nothing"
    with pytest.raises(AccountError, match="known already"):
        vendor.grants.login(refresh="my-refresh")


async def test_a_blocked_network_gets_no_tokens(vendor) -> None:
    """The exchange is refused where requests of the region are."""
    tokens = vendor.grants.login()
    vendor.accounts.place("203.0.113.0/24", "XX")
    vendor.accounts.change("region_blocked", region="XX")
    headers = {**vendor.fake.headers, "x-banstorm-attempt": "1", "x-forwarded-for": "203.0.113.9, 10.0.0.1"}
    body = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
    assert (await vendor.fake.post(body, path="/v1/oauth/token", headers=headers)).status == 403
    assert (await vendor.refresh(tokens.refresh)).status == 200
