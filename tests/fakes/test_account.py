from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes import members, standing
from banstorm.fakes.account import AccountError, Accounts
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.prices import PriceTable

KINDS = frozenset({"org_disabled", "oauth_revoked", "bad_key", "rate_limited"})
KEYS = [f"key-{number}" for number in range(400)]


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


@pytest.fixture
def account(clock: Clock) -> Accounts:
    """Two organisations: `a` and `b` in one, `c` in another."""
    account = Accounts(KINDS, seed=1, clock=clock)
    for key, organisation in (("a", "one"), ("b", "one"), ("c", "two")):
        account.enrol(key, organisation)
    return account


def _states(account: Accounts, *keys: str) -> list[str]:
    refusals = [account.refusal(key) for key in keys]
    return ["ok" if refusal is None else refusal.kind for refusal in refusals]


def _share(account: Accounts) -> float:
    """The share of many keys that is refused."""
    return sum(account.refusal(key) is not None for key in KEYS) / len(KEYS)


LEVELS: list[tuple[dict[str, Any], list[str]]] = [
    ({"key": "a"}, ["org_disabled", "ok", "ok", "ok"]),
    ({"organisation": "one"}, ["org_disabled", "org_disabled", "ok", "ok"]),
    ({"organisation": "default"}, ["ok", "ok", "ok", "org_disabled"]),
    ({}, ["org_disabled"] * 4),
]


@pytest.mark.parametrize(("whom", "states"), LEVELS, ids=["key", "organisation", "unenrolled", "everyone"])
def test_a_change_reaches_whom_it_names(account, whom, states) -> None:
    """A key's, an organisation's or everyone's standing changes, and nobody else's; "ok" reinstates the same."""
    account.change("org_disabled", **whom)
    assert _states(account, "a", "b", "c", "never enrolled") == states
    account.change("ok", **whom)
    assert _states(account, "a", "b", "c", "never enrolled") == ["ok"] * 4


def test_a_change_waits_for_its_moment_and_ends_by_itself(account, clock) -> None:
    """A change made for later begins then, and one with a length ends then."""
    account.change("org_disabled", key="a", in_s=10, for_s=5)
    seen = []
    for moment in (0, 9.9, 10, 14.9, 15):
        clock.now_s = 1000 + moment
        seen += _states(account, "a")
    assert seen == ["ok", "ok", "org_disabled", "org_disabled", "ok"]


def test_a_ban_spreads_to_the_organisation(account, clock) -> None:
    """A banned key's siblings follow after the delay, other organisations don't; both levels need reinstating."""
    account.change("org_disabled", key="a", spread_s=30)
    assert _states(account, "a", "b", "c") == ["org_disabled", "ok", "ok"]
    clock.now_s += 30
    assert _states(account, "a", "b", "c") == ["org_disabled", "org_disabled", "ok"]
    account.change("ok", organisation="one")
    assert _states(account, "a", "b", "c") == ["org_disabled", "ok", "ok"]


def test_a_revocation_reaches_one_node_after_another(account, clock) -> None:
    """Until a revocation has settled a falling share of requests passes, the same ones again with the same seed."""
    account.change("oauth_revoked", key="a", settle_s=8)
    passed = []
    for moment in (0, 2, 4, 6, 8):
        clock.now_s = 1000 + moment
        passed.append(_states(account, *["a"] * 400).count("ok") / 400)
    assert passed[0] == 1
    assert passed == sorted(passed, reverse=True)
    assert 0.3 < passed[2] < 0.7
    assert passed[-1] == 0
    assert account.standing(key="a") == "oauth_revoked"


def test_the_same_seed_lets_the_same_requests_pass(clock) -> None:
    """Which requests still pass is a matter of the seed and the request, not of what other keys do meanwhile."""
    told = []
    for seed, others in ((1, 0), (1, 3), (2, 0)):
        account = Accounts(KINDS, seed=seed, clock=clock)
        account.change("oauth_revoked", settle_s=8)
        clock.now_s += 4
        seen = []
        for _ in range(60):
            seen += _states(account, "a")
            _states(account, *["b"] * others)
        told.append(seen)
        clock.now_s -= 4
    assert told[0] == told[1] != told[2]


def test_a_staged_rollout_takes_more_and_more(clock) -> None:
    """A higher percentage includes whom a lower one had reached; a credential always gets the same answer."""
    reached = []
    for share in (0.1, 0.5, 1.0):
        account = Accounts(KINDS, seed=7, clock=clock)
        account.change("org_disabled", share=share)
        reached.append({key for key in KEYS if account.refusal(key)})
        assert reached[-1] == {key for key in KEYS if account.refusal(key)}
    assert reached[0] < reached[1] < reached[2]
    assert 0.05 < len(reached[0]) / len(KEYS) < 0.15
    assert 0.43 < len(reached[1]) / len(KEYS) < 0.57
    assert len(reached[2]) == len(KEYS)


def test_a_rollout_grows_with_the_clock(account, clock) -> None:
    """A roll-out over time starts with nobody and ends with its share."""
    account.change("org_disabled", share=0.8, rollout_s=100)
    shares = []
    for moment in (0, 25, 50, 100, 1000):
        clock.now_s = 1000 + moment
        shares.append(_share(account))
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert 0.32 < shares[2] < 0.48
    assert 0.74 < shares[3] < 0.86
    assert shares[3] == shares[4]


def test_only_enrolled_keys(clock) -> None:
    """Where unknown keys are refused, a key is good from its enrolment until it is forgotten."""
    account = Accounts(KINDS, seed=1, clock=clock, accept_unknown=False)
    assert _states(account, "a") == ["bad_key"] == [account.standing(key="a")]
    account.enrol("a")
    assert _states(account, "a") == ["ok"]
    account.forget("a")
    assert _states(account, "a") == ["bad_key"]


NONSENSE: list[tuple[str, dict[str, Any], str]] = [
    ("org_disable", {}, "did you mean 'org_disabled'"),
    ("overloaded", {}, "no failure 'overloaded'"),
    ("ok", {"key": "a", "organisation": "b"}, "one of them"),
    ("ok", {"organisation": "b", "spread_s": 1}, "only a key"),
    ("ok", {"spread_s": 1}, "only a key"),
    ("ok", {"key": "a", "spread_s": -1}, "no negative times"),
    ("ok", {"key": "a", "spread_s": 1, "spread_to": ["region"]}, "not to 'region'"),
    ("ok", {"key": "a", "spread_s": 1, "spread_to": ["project"]}, "in no project"),
    ("ok", {"project": "p", "spread_s": 1, "spread_to": ["project"]}, "not to 'project'"),
    ("ok", {"project": "p", "region": "r"}, "one of them"),
    ("ok", {"share": 1.1}, "share from 0 to 1"),
    ("ok", {"in_s": -1}, "no negative times"),
    ("ok", {"for_s": 0}, "an end after its start"),
]


@pytest.mark.parametrize(("state", "words", "message"), NONSENSE)
def test_nonsense_is_refused(account, state, words, message) -> None:
    """A standing that the vendor doesn't have is refused with the nearest names, and so are figures without sense."""
    with pytest.raises(AccountError, match=message):
        account.change(state, **words)
    assert list(account.changes()) == []


def test_everything_is_bounded(account, clock, monkeypatch) -> None:
    """Neither keys nor changes pile up without end."""
    monkeypatch.setattr(members, "KEYS_MAX", 3)
    monkeypatch.setattr(standing, "CHAINS_MAX", 3)
    monkeypatch.setattr(standing, "CHANGES_MAX", 2)
    with pytest.raises(AccountError, match="3 keys already"):
        account.enrol("d")
    for _ in range(5):
        account.change("org_disabled", key="a")
    assert len(list(account.changes())) == 2
    for key in "bc":
        account.change("ok", key=key)
    with pytest.raises(AccountError, match="standing of their own"):
        account.change("ok", key="d")


def test_reset(account) -> None:
    """After a reset everyone is in good standing, and organisations are what they were."""
    account.change("org_disabled", organisation="one")
    account.reset()
    assert _states(account, "a", "b") == ["ok", "ok"]
    assert account.organisation_of("a") == "one"


def test_a_refusal_names_the_timeline_entry_that_made_it(account, clock) -> None:
    """Whose change refuses is told, a spread one included; a change of nobody's timeline names none."""
    account.change("org_disabled", key="a", spread_s=1, entry="0:org_disabled")
    account.change("bad_key", key="c")
    clock.now_s += 1
    refusals = [account.refusal(key) for key in "abc"]
    assert [refusal and refusal.entry for refusal in refusals] == ["0:org_disabled", "0:org_disabled", None]


FAILURES = [
    ("anthropic", "org_disabled", 400, "This organization has been disabled."),
    ("anthropic", "oauth_revoked", 403, "OAuth token has been revoked. Please obtain a new token."),
    ("openai", "bad_key", 401, "Incorrect API key provided: sk-proj-*"),
]


@pytest.mark.parametrize(("name", "state", "status", "words"), FAILURES)
async def test_a_fake_says_it_in_the_vendors_words(make_fake, name, state, status, words) -> None:
    """A key in bad standing gets the vendor's own failure, billed for nothing; without a change it is answered."""
    fake = make_fake(name)
    account = Accounts(find(name).failures, seed=1)
    fake.app = create_app(
        name, find(name), fake.pace, run_seed=1, bill=fake.bills.append, prices=PriceTable.load(), account=account
    )
    assert (await fake.post(fake.question("hello"))).status == 200
    account.change(state)
    refused = await fake.post(fake.question("hello"))
    assert refused.status == status
    assert words in orjson.dumps(refused.document).decode()
    assert [(bill.usd > 0, bill.completed) for bill in fake.bills] == [(True, True), (False, False)]
    bare = await fake.post(fake.question("hello"), headers={"content-type": "application/json"})
    assert bare.status == 401, "a request without a credential is refused for that"
