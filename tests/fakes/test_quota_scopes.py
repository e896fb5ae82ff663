"""Limits that many share, and those that are no buckets: months, ramps, windows."""

from __future__ import annotations

from typing import Any

import pytest
from banstorm.fakes.account import Accounts
from banstorm.fakes.meters import next_month
from banstorm.fakes.oauth import Grants
from banstorm.fakes.quota import Limits, Quota

from .clocks import Clock, moment

KINDS = frozenset(
    {
        "rate_limited",
        "daily_limited",
        "quota_exhausted",
        "spend_capped",
        "tier_capped",
        "ramp_limited",
        "window_drained",
        "request_over_limit",
        "bad_key",
    }
)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def _customers(clock: Clock, vendor: str = "") -> Accounts:
    """`acme` with the projects `web` (keys a, b) and `batch` (c); `umbrella` with d."""
    accounts = Accounts(KINDS, seed=1, clock=clock, quota=Quota(KINDS, clock=clock, wall=clock.wall, vendor=vendor))
    for key, organisation, project in (
        ("a", "acme", "web"),
        ("b", "acme", "web"),
        ("c", "acme", "batch"),
        ("d", "umbrella", None),
    ):
        accounts.enrol(key, organisation, project)
    return accounts


def _passed(quota: Quota, asks: str) -> str:
    """Which of these requests (a key and a model each, as "a1 b2") are admitted."""
    return " ".join(ask for ask in asks.split() if quota.admit(ask[0], ask[1], 1) is None)


SHARED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "a1 a1 b1 a2", "a1 b1 a2"),
    ({"level": "key"}, "a1 a1 b1 a2", "a1 b1 a2"),
    ({"level": "organisation"}, "a1 b1 c1 d1 d1 a2", "a1 d1 a2"),
    ({"organisation": "acme"}, "a1 b1 c1 d1 d1 a2", "a1 d1 d1 a2"),
    ({"level": "project"}, "a1 b1 c1 d1 d1", "a1 c1 d1 d1"),
    ({"project": "web"}, "a1 b1 c1 c1", "a1 c1 c1"),
    ({"organisation": "acme", "model": "1"}, "a1 b1 a2 b2", "a1 a2 b2"),
    ({"organisation": "acme", "model": "*"}, "a1 b2 c3 d1", "a1 d1"),
    ({"credential": "a", "model": "[12]*"}, "a1 a2 a3 a3 b1", "a1 a3 a3 b1"),
    ({"credential": "a", "model": "*"}, "a1 a2 b1 b2", "a1 b1 b2"),
]


@pytest.mark.parametrize(("whose", "asks", "passed"), SHARED)
def test_a_limit_is_shared_by_whom_it_is_about(clock, whose, asks, passed) -> None:
    """One request a minute: for each key, or for all keys of a project or organisation, at each model or at several."""
    quota = _customers(clock).quota
    quota.set(Limits(requests_per_minute=1), **whose)
    assert _passed(quota, asks) == passed


def test_a_request_passes_at_every_level(clock) -> None:
    """The limits of key, project and organisation all hold, and what one refuses is taken from none."""
    quota = _customers(clock).quota
    quota.set(Limits(requests_per_minute=2))
    quota.set(Limits(requests_per_minute=3), project="web")
    quota.set(Limits(requests_per_minute=4), organisation="acme")
    assert _passed(quota, "a1 a1 a1 b1 b1 c1 c1 d1") == "a1 a1 b1 c1 d1"
    refusal = quota.admit("b", "1", 1)
    assert refusal is not None
    assert refusal.details["ceiling"] == 3


def test_the_nearest_rule_of_a_level_counts_alone(clock) -> None:
    """A named organisation's rule outdoes that for each, and a model's that of a pattern, which outdoes any."""
    quota = _customers(clock).quota
    for limit, words in enumerate(
        ({"level": "organisation"}, {"organisation": "acme"}, {"organisation": "acme", "model": "1*"}), 1
    ):
        quota.set(Limits(requests_per_minute=limit), **words)
    quota.set(Limits(requests_per_minute=4), organisation="acme", model="1")
    left = {}
    for name, key, model in (("d", "d", "1"), ("other", "a", "2"), ("pattern", "a", "12"), ("own", "a", "1")):
        left[name] = sum(quota.admit(key, model, 1) is None for _ in range(9))
    assert left == {"d": 1, "other": 2, "pattern": 3, "own": 4}


def test_a_rule_is_lifted(clock) -> None:
    """What is lifted limits nobody, the next rule counts, and other levels' meters keep their levels."""
    quota = _customers(clock).quota
    quota.set(Limits(requests_per_minute=1), organisation="acme")
    quota.set(Limits(requests_per_minute=2), credential="a")
    assert _passed(quota, "a1 a1") == "a1"
    assert quota.lift(organisation="acme")
    assert not quota.lift(organisation="acme")
    assert _passed(quota, "a1 a1") == "a1", "one of the key's two was taken before"
    assert quota.lift(credential="a")
    assert _passed(quota, "a1 a1 a1") == "a1 a1 a1"


def test_a_new_rule_leaves_others_meters_alone(clock) -> None:
    """A rule for one fills nobody else's buckets again."""
    quota = _customers(clock).quota
    quota.set(Limits(requests_per_minute=1))
    _passed(quota, "a1 b1")
    quota.set(Limits(requests_per_minute=2), credential="b")
    assert _passed(quota, "a1 b1 b1 b1") == "b1 b1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"credential": "a", "project": "web"}, "one key, project or organisation"),
        ({"credential": "a", "level": "project"}, "one key, project or organisation"),
        ({"level": "planet"}, "one of key, project, organisation"),
    ],
)
def test_whose_a_rule_is_must_be_clear(clock, words, message) -> None:
    """Two names at once, and a level that there isn't, are refused."""
    with pytest.raises(ValueError, match=message):
        _customers(clock).quota.set(Limits(requests_per_minute=1), **words)


def test_a_key_that_moves_takes_its_new_organisations_limits(clock) -> None:
    """Enrolled elsewhere, a key uses up other limits from its next request on."""
    accounts = _customers(clock)
    accounts.quota.set(Limits(requests_per_minute=1), level="organisation")
    assert _passed(accounts.quota, "a1 b1") == "a1"
    accounts.enrol("b", "umbrella")
    assert _passed(accounts.quota, "b1 d1") == "b1"


def test_tokens_of_a_grant_use_up_the_same_limits(clock) -> None:
    """A refreshed token starts with what its predecessor left."""
    accounts = _customers(clock)
    grants = Grants(accounts, "openai", seed=1)
    first = grants.login()
    accounts.quota.set(Limits(requests_per_minute=2))
    assert accounts.quota.admit(first.access, "m", 1) is None
    second = grants.refresh(first.refresh)
    taken = [accounts.quota.admit(token, "m", 1) is None for token in (second.access, second.access, first.access)]
    assert taken == [True, False, False]
    accounts.quota.set(Limits(requests_per_minute=5), credential=second.access)
    assert sum(accounts.quota.admit(first.access, "m", 1) is None for _ in range(9)) == 5


MONEY: list[tuple[Limits, str, bool]] = [
    (Limits(spend_usd=1), "quota_exhausted", False),
    (Limits(spend_cap_usd=1), "spend_capped", True),
    (Limits(tier_cap_usd=1), "tier_capped", True),
]


@pytest.mark.parametrize(("limits", "kind", "monthly"), MONEY)
def test_a_month_begins_anew_on_the_first(clock, limits, kind, monthly) -> None:
    """A balance doesn't come back; one's own cap and the tier's do, on the 1st at 00:00 UTC. All count every model."""
    quota = _customers(clock).quota
    quota.set(limits, organisation="acme")
    assert _passed(quota, "a1") == "a1"
    quota.settle("a", "1", 5, 0.6)
    quota.settle("c", "2", 5, 0.4)
    refusal = quota.admit("b", "3", 1)
    assert refusal is not None
    assert refusal.kind == kind
    assert refusal.details["regain"] == "2026-12-01 at 00:00 UTC"
    assert "retry_after" not in refusal.details
    clock.now_s = moment(2026, 12, 1) - moment(2026, 11, 20, 12) - 1
    assert _passed(quota, "b3") == ""
    clock.now_s += 1
    assert (_passed(quota, "b3") == "b3") == monthly
    assert list(quota.spent()) == [("organisation", "acme", 1.0, 0.0)]


@pytest.mark.parametrize(
    ("now", "then"),
    [((2026, 11, 20, 12), (2026, 12, 1)), ((2026, 12, 31, 23, 59, 59), (2027, 1, 1)), ((2028, 2, 1), (2028, 3, 1))],
)
def test_the_first_of_the_next_month(now, then) -> None:
    """The month that follows begins where the calendar says, also on its first moment and at the year's end."""
    assert next_month(moment(*now)) == moment(*then)


def test_traffic_that_grows_too_fast_is_refused(clock) -> None:
    """A window may have twice the requests of the one before and four in any case; after a pause it is four again."""
    quota = _customers(clock).quota
    quota.set(Limits(ramp_factor=2, ramp_window_s=10, ramp_floor=4))
    passed = []
    for window in (0, 10, 20, 30, 50):
        clock.now_s = window + 1
        asked = 3 if window == 20 else 99
        passed.append(sum(quota.admit("a", "m", 1) is None for _ in range(asked)))
    assert passed == [4, 8, 3, 6, 4]
    refusal = quota.admit("a", "m", 1)
    assert refusal is not None
    assert (refusal.kind, refusal.details["retry_after"]) == ("ramp_limited", 10)
    clock.now_s += 9.999
    assert _passed(quota, "am") == ""
    clock.now_s += 0.001
    assert _passed(quota, "am") == "am"


def test_a_ramp_must_let_traffic_grow() -> None:
    """A factor of one would never let it."""
    with pytest.raises(ValueError, match="above 1"):
        Limits(ramp_factor=1)


def test_a_window_comes_back_at_once(clock) -> None:
    """Five hours begin with the first request, hold over all models, and end all at once, for the next to begin."""
    quota = _customers(clock).quota
    quota.set(Limits(window_5h_tokens=100))
    clock.now_s = 1000
    assert quota.admit("a", "1", 40) is None
    quota.settle("a", "1", 50, 0)
    assert quota.admit("a", "2", 10) is None
    refusal = quota.admit("a", "1", 1)
    assert refusal is not None
    assert refusal.kind == "window_drained"
    assert (refusal.details["claim"], refusal.details["retry_after"]) == ("five_hour", 18_000)
    clock.now_s += 17_999
    assert _passed(quota, "a1") == ""
    clock.now_s += 1
    assert _passed(quota, "a1 b1") == "a1 b1"


def test_all_windows_must_be_open(clock) -> None:
    """The window that opens last is the one to wait for."""
    quota = _customers(clock).quota
    quota.set(Limits(window_5h_tokens=10, window_7d_tokens=20))
    for _ in range(2):
        assert quota.admit("a", "1", 10) is None
        refusal = quota.admit("a", "1", 10)
        clock.now_s += 18_000
    assert refusal is not None
    assert (refusal.details["claim"], refusal.details["retry_after"]) == ("seven_day", 7 * 86_400 - 18_000)
