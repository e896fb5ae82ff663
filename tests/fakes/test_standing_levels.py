"""Projects, organisations and regions: who a request belongs to, where it comes from, and what spreads to whom."""

from __future__ import annotations

from typing import Any

import pytest
from banstorm.fakes import members, regions
from banstorm.fakes.account import AccountError, Accounts
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.quota import Limits

KINDS = frozenset({"org_disabled", "bad_key", "region_blocked", "rate_limited"})


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Seconds now."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def _customers(clock: Clock, vendor: str = "") -> Accounts:
    """`acme` with the projects `web` (keys a, b) and `batch` (c) and a key of its own (d); `umbrella` with e."""
    accounts = Accounts(KINDS, seed=1, clock=clock, vendor=vendor)
    for key, organisation, project in (
        ("a", "acme", "web"),
        ("b", "acme", "web"),
        ("c", "acme", "batch"),
        ("d", "acme", None),
        ("e", "umbrella", None),
    ):
        accounts.enrol(key, organisation, project)
    return accounts


def _refused(accounts: Accounts, keys: str = "abcde", **headers: str) -> str:
    return "".join(key for key in keys if accounts.refusal(key, headers=headers))


@pytest.mark.parametrize(
    ("whom", "refused"),
    [({"project": "web"}, "ab"), ({"organisation": "acme"}, "abcd"), ({"project": "none"}, ""), ({"key": "c"}, "c")],
)
def test_a_project_and_an_organisation_fall_with_all_their_keys(clock, whom, refused) -> None:
    """A change reaches the keys of the project or organisation that it names, and "ok" lifts it."""
    accounts = _customers(clock)
    accounts.change("org_disabled", **whom)
    assert _refused(accounts) == refused
    assert accounts.standing(**whom) == "org_disabled"
    accounts.change("ok", **whom)
    assert _refused(accounts) == ""


SPREADS: list[tuple[dict[str, str], list[str], list[str]]] = [
    ({"key": "a"}, ["organisation"], ["a", "abcd", "abcd"]),
    ({"key": "a"}, ["project"], ["a", "ab", "ab"]),
    ({"key": "a"}, ["project", "organisation"], ["a", "ab", "abcd"]),
    ({"key": "d"}, ["organisation"], ["d", "abcd", "abcd"]),
    ({"project": "web"}, ["organisation"], ["ab", "abcd", "abcd"]),
]


@pytest.mark.parametrize(("whom", "to", "refused"), SPREADS)
def test_a_ban_spreads_as_far_as_asked(clock, whom, to, refused) -> None:
    """Each level follows the one before it after the delay, and ends when the ban ends."""
    accounts = _customers(clock)
    accounts.change("org_disabled", **whom, spread_s=10, spread_to=to, for_s=100)
    seen = []
    for moment in (9.9, 10, 20):
        clock.now_s = 1000 + moment
        seen.append(_refused(accounts))
    assert seen == refused
    clock.now_s = 1100
    assert _refused(accounts) == ""


NAMED: list[tuple[dict[str, str], bool]] = [
    ({}, False),
    ({"openai-project": "web"}, True),
    ({"openai-project": "batch"}, False),
    ({"anthropic-workspace-id": "web"}, True),
    ({"x-goog-user-project": " web "}, True),
    ({"openai-organization": "acme"}, False),
]


@pytest.mark.parametrize(("headers", "refused"), NAMED)
def test_a_request_names_its_project(clock, headers, refused) -> None:
    """A key that was never enrolled belongs where each of its requests says."""
    accounts = _customers(clock)
    accounts.change("org_disabled", project="web")
    for _ in range(2):
        assert (accounts.refusal("stranger", headers=headers) is not None) == refused
    assert accounts.refusal("stranger", headers={}) is None, "the next request names nothing"


def test_a_named_organisation_counts_and_a_named_project_brings_its_own(clock) -> None:
    """The header names the organisation; a project that is known brings the organisation it belongs to."""
    accounts = _customers(clock)
    accounts.change("org_disabled", organisation="acme")
    assert accounts.refusal("stranger", headers={"openai-organization": "acme"}) is not None
    assert accounts.refusal("stranger", headers={"openai-project": "batch"}) is not None
    assert accounts.refusal("stranger", headers={"openai-organization": "umbrella"}) is None


def test_only_the_vendors_own_headers_are_heard(clock) -> None:
    """A header of another vendor's says nothing."""
    accounts = _customers(clock, vendor="anthropic")
    accounts.change("org_disabled", project="web")
    assert accounts.refusal("stranger", headers={"openai-project": "web"}) is None
    assert accounts.refusal("stranger", headers={"anthropic-workspace-id": "web"}) is not None


MISMATCHES: list[tuple[str, dict[str, str], str | None]] = [
    ("a", {"openai-organization": "umbrella"}, "mismatched_organization"),
    ("a", {"openai-project": "batch"}, "mismatched_project"),
    ("a", {"openai-organization": "acme", "openai-project": "web"}, None),
    ("d", {"openai-project": "batch"}, None),
    ("stranger", {"openai-organization": "umbrella"}, None),
    ("default", {"openai-organization": "umbrella", "openai-project": "web"}, None),
]


@pytest.mark.parametrize(("key", "headers", "code"), MISMATCHES)
def test_openai_refuses_a_key_that_names_anothers(clock, key, headers, code) -> None:
    """A key may not name an organisation or project that it isn't of, with OpenAI; elsewhere its enrolment counts."""
    accounts = _customers(clock, vendor="openai")
    accounts.enrol("default", "default")
    refusal = accounts.refusal(key, headers=headers)
    assert (refusal and refusal.details["code"]) == code
    elsewhere = _customers(clock)
    elsewhere.change("org_disabled", organisation="umbrella")
    assert (elsewhere.refusal(key, headers=headers) is not None) == (key in {"stranger", "default"})


def test_a_project_has_one_organisation(clock) -> None:
    """A project that is another organisation's can't be joined; without an organisation it is the project's."""
    accounts = _customers(clock)
    with pytest.raises(AccountError, match="belongs to 'acme'"):
        accounts.enrol("f", "umbrella", "web")
    accounts.enrol("f", project="web")
    assert accounts.organisation_of("f") == "acme"


def test_names_are_bounded(clock, monkeypatch) -> None:
    """Keys that name whose they are are not remembered without end."""
    monkeypatch.setattr(members, "KEYS_MAX", 5)
    accounts = _customers(clock)
    accounts.change("org_disabled", project="web")
    for number in range(20):
        assert accounts.refusal(f"k{number}", headers={"openai-project": "web"}) is not None
    assert len(accounts._members._named) <= 5


ORIGINS: list[tuple[str | None, dict[str, str], bool]] = [
    ("203.0.113.7", {}, True),
    ("203.0.113.8", {}, False),
    ("198.51.100.1", {}, False),
    (None, {}, False),
    ("a-socket", {}, False),
    ("2001:db8::1", {}, True),
    # a client that says itself where it is is not believed, an injector is
    ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, False),
    ("127.0.0.1", {"x-forwarded-for": "203.0.113.7, 198.51.100.1", "x-banstorm-attempt": "1"}, True),
    ("203.0.113.7", {"x-forwarded-for": "198.51.100.1", "x-banstorm-attempt": "1"}, False),
    ("203.0.113.7", {"x-banstorm-attempt": "1"}, True),
]


@pytest.mark.parametrize(("client", "headers", "refused"), ORIGINS)
def test_a_region_is_where_the_request_comes_from(clock, client, headers, refused) -> None:
    """A blocked region refuses requests from its networks, the smallest network counting, whoever makes them."""
    accounts = _customers(clock)
    accounts.place("203.0.113.0/24", "XX")
    accounts.place("203.0.113.8", "YY")
    accounts.place("2001:db8::/32", "XX")
    accounts.change("region_blocked", region="XX", in_s=5)
    scope: dict[str, Any] = {} if client is None else {"client": (client, 4711)}
    assert accounts.refusal("a", scope=scope, headers=headers) is None
    clock.now_s += 5
    refusal = accounts.refusal("a", scope=scope, headers=headers)
    assert (refusal is not None) == refused
    accounts.change("ok", region="XX")
    assert accounts.refusal("a", scope=scope, headers=headers) is None


@pytest.mark.parametrize(("region", "refused"), [("us-east-1", True), ("eu-central-1", False)])
def test_a_signed_request_is_for_a_region(clock, region, refused) -> None:
    """The region that a request was signed for is a region too: an outage or a ban of one endpoint."""
    accounts = _customers(clock)
    accounts.change("region_blocked", region="us-east-1")
    signed = (
        f"AWS4-HMAC-SHA256 Credential=AKIAX/20261120/{region}/bedrock/aws4_request, SignedHeaders=host, Signature=0"
    )
    assert (accounts.refusal("AKIAX", scope={}, headers={"authorization": signed}) is not None) == refused


def test_networks_are_checked_and_bounded(clock, monkeypatch) -> None:
    """What is no network is refused with an example, and there are only so many."""
    accounts = _customers(clock)
    with pytest.raises(AccountError, match=r"such as 127\.0\.0\.2/32"):
        accounts.place("here", "XX")
    monkeypatch.setattr(regions, "NETWORKS_MAX", 1)
    accounts.place("127.0.0.2/32", "XX")
    accounts.place("127.0.0.2/32", "YY")
    assert accounts.regions.placed() == {"127.0.0.2/32": "YY"}
    with pytest.raises(AccountError, match="at most 1"):
        accounts.place("127.0.0.3/32", "XX")


def test_addresses_are_remembered_within_bounds(clock, monkeypatch) -> None:
    """However many addresses call, only so many are remembered, and each is still told rightly."""
    monkeypatch.setattr(regions, "ADDRESSES_MAX", 8)
    accounts = _customers(clock)
    accounts.place("10.0.0.0/31", "XX")
    accounts.change("region_blocked", region="XX")
    refused = [host for host in range(30) if accounts.refusal("a", scope={"client": (f"10.0.0.{host}", 1)})]
    assert refused == [0, 1]
    assert len(accounts.regions._found) <= 8


def test_a_named_project_counts_for_limits_too(clock) -> None:
    """A limit of a project counts the requests that name it."""
    accounts = _customers(clock)
    accounts.quota.set(Limits(requests_per_minute=2), project="web")
    accounts.refusal("stranger", headers={"openai-project": "web"})
    taken = [accounts.quota.admit(key, "m", 1) for key in ("stranger", "a", "b", "c")]
    assert [refusal is None for refusal in taken] == [True, True, False, True]


async def test_a_fake_looks_at_the_connection(make_fake) -> None:
    """A request from a blocked network gets the vendor's words, from the edge; another one is answered."""
    fake = make_fake("anthropic")
    accounts = Accounts(find("anthropic").failures, seed=1, vendor="anthropic")
    fake.app = create_app(
        "anthropic",
        find("anthropic"),
        fake.pace,
        run_seed=1,
        bill=fake.bills.append,
        prices=PriceTable.load(),
        account=accounts,
    )
    accounts.place("203.0.113.0/24", "XX")
    accounts.change("region_blocked", region="XX")
    behind = {**fake.headers, "x-banstorm-attempt": "7", "x-forwarded-for": "203.0.113.1"}
    refused = await fake.post(fake.question("hi"), headers=behind)
    assert (refused.status, refused.document) == (
        403,
        {"error": {"type": "forbidden", "message": "Request not allowed"}},
    )
    assert (await fake.post(fake.question("hi"))).status == 200
