from __future__ import annotations

from typing import Any

import pytest
from banstorm.fakes import quota as quotas
from banstorm.fakes.account import Accounts
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.quota import Limits, Quota
from hypothesis import given
from hypothesis import strategies as st

KINDS = frozenset({"rate_limited", "quota_exhausted", "daily_limited", "request_over_limit"})
WALL_S = 1_787_000_000.0


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        """Seconds now."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def quota(clock: Clock) -> Quota:
    """A quota without limits."""
    return Quota(KINDS, clock=clock, wall=lambda: WALL_S)


def _kind(quota: Quota, tokens: int = 10, credential: str = "k", model: str = "m") -> str | None:
    refusal = quota.admit(credential, model, tokens)
    return None if refusal is None else refusal.kind


# limits, prompt tokens, how many pass at once, what the next one hears, and seconds until it would pass
EMPTY: list[tuple[Limits, int, int, str, float | None]] = [
    (Limits(requests_per_minute=3), 10, 3, "rate_limited", 20),
    (Limits(tokens_per_minute=600), 150, 4, "rate_limited", 15),
    (Limits(input_tokens_per_minute=600), 250, 2, "rate_limited", 15),
    (Limits(requests_per_day=2), 10, 2, "daily_limited", 43_200),
    (Limits(tokens_per_day=100), 50, 2, "daily_limited", 43_200),
    (Limits(requests_per_minute=3, tokens_per_minute=100), 50, 2, "rate_limited", 30),
    (Limits(tokens_per_minute=100), 101, 0, "request_over_limit", None),
]


@pytest.mark.parametrize(("limits", "tokens", "pass_", "kind", "wait_s"), EMPTY)
def test_the_refusal_comes_when_a_bucket_is_empty(quota, clock, limits, tokens, pass_, kind, wait_s) -> None:
    """Exactly as many pass as the bucket holds, and the wait that is told is exactly the one that is needed."""
    quota.set(limits)
    assert [_kind(quota, tokens) for _ in range(pass_)] == [None] * pass_
    refusal = quota.admit("k", "m", tokens)
    assert refusal is not None
    assert refusal.kind == kind
    assert refusal.details.get("retry_after") == wait_s
    if wait_s is not None:
        clock.now_s += wait_s - 0.01
        assert _kind(quota, tokens) == kind
        clock.now_s += 0.01
        assert _kind(quota, tokens) is None


LIMIT = st.one_of(st.none(), st.integers(1, 10**7), st.floats(0.1, 1e6))


@given(
    st.builds(Limits, *[LIMIT] * 6),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000), st.floats(0, 100)), min_size=1, max_size=40),
)
def test_the_wait_that_is_told_is_enough(limits, requests) -> None:
    """Whatever the limits and the traffic, who waits as told is let in, unless the request alone is too large."""
    clock = Clock()
    quota = Quota(KINDS, clock=clock)
    quota.set(limits)
    for tokens, produced, pause_s in requests:
        refusal = quota.admit("k", "m", tokens)
        if refusal is not None and refusal.kind == "request_over_limit":
            continue
        if refusal is not None:
            clock.now_s += refusal.details["retry_after"]
            assert quota.admit("k", "m", tokens) is None
        quota.settle("k", "m", produced, 0.0)
        clock.now_s += pause_s


def test_a_refused_request_takes_nothing(quota) -> None:
    """A request that one bucket refuses takes nothing out of another."""
    quota.set(Limits(requests_per_minute=2, tokens_per_minute=100))
    assert _kind(quota, 60) is None
    assert _kind(quota, 60) == "rate_limited"
    assert _kind(quota, 40) is None


def test_an_answer_is_taken_once_produced(quota, clock) -> None:
    """A long answer leaves a debt in the buckets that count it, and the next request waits for it to be filled."""
    quota.set(Limits(output_tokens_per_minute=60, tokens_per_minute=6000))
    assert _kind(quota) is None
    quota.settle("k", "m", 90, 0.0)
    refusal = quota.admit("k", "m", 10)
    assert refusal is not None
    assert refusal.details["limit"] == "output_tokens"
    assert refusal.details["retry_after"] == 31
    clock.now_s += 31
    assert _kind(quota) is None


def test_a_refusal_names_the_timeline_entry_that_set_the_limit(quota) -> None:
    """The entry of the rule that counts is told with the refusal."""
    quota.set(Limits(requests_per_minute=1), entry="0:limits")
    quota.set(Limits(requests_per_minute=1), credential="own")
    refusals = [quota.admit(credential, "m", 1) for credential in ("k", "own") for _ in range(2)]
    assert [refusal and refusal.entry for refusal in refusals] == [None, "0:limits", None, None]
    assert [refusal is not None for refusal in refusals] == [False, True, False, True]


def test_money_does_not_come_back(quota, clock) -> None:
    """Once the balance is spent every model of that credential refuses, however long one waits."""
    quota.set(Limits(spend_usd=1.0))
    quota.settle("k", "m", 5, 0.6)
    assert _kind(quota) is None
    quota.settle("k", "other", 5, 0.4)
    assert [_kind(quota), _kind(quota, model="third"), _kind(quota, credential="rich")] == [
        "quota_exhausted",
        "quota_exhausted",
        None,
    ]
    clock.now_s += 1e6
    assert _kind(quota) == "quota_exhausted"
    quota.set(Limits(spend_usd=5.0))
    assert _kind(quota) is None


def test_limits_are_per_credential_and_model(quota) -> None:
    """Each pair of credential and model has buckets of its own, and the nearest rule is theirs alone."""
    quota.set(Limits(requests_per_minute=1))
    quota.set(Limits(requests_per_minute=2), model="m2")
    quota.set(Limits(requests_per_minute=3), credential="big")
    quota.set(Limits(requests_per_minute=4), credential="big", model="m2")
    passed = {}
    for credential in ("k", "l", "big"):
        for model in ("m", "m2"):
            passed[credential, model] = sum(_kind(quota, 1, credential, model) is None for _ in range(9))
    assert passed == {("k", "m"): 1, ("k", "m2"): 2, ("l", "m"): 1, ("l", "m2"): 2, ("big", "m"): 3, ("big", "m2"): 4}


def test_a_reset_fills_and_lifts_everything(quota) -> None:
    """After a reset nothing is limited; what is limited anew starts full and with nothing spent."""
    quota.set(Limits(requests_per_minute=1, spend_usd=1))
    _kind(quota)
    quota.settle("k", "m", 1, 2.0)
    quota.reset()
    assert [_kind(quota) for _ in range(5)] == [None] * 5
    assert (list(quota.levels()), dict(quota.spent())) == ([], {})


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_limit_is_a_number(value) -> None:
    """No limit is said by leaving it out, not by a figure that means something else."""
    with pytest.raises(ValueError, match="leave it out"):
        Limits(tokens_per_minute=value)


@pytest.mark.parametrize(
    ("has", "kinds"),
    [
        ({"rate_limited"}, ["rate_limited", "rate_limited", "rate_limited"]),
        (KINDS, ["quota_exhausted", "daily_limited", "request_over_limit"]),
        ({"spend_capped", "rate_limited"}, ["spend_capped", "rate_limited", "rate_limited"]),
    ],
)
def test_a_vendor_says_it_with_what_it_has(clock, has, kinds) -> None:
    """A vendor without a failure of its own for a limit uses the nearest that it has."""
    said = []
    for limits, tokens in (
        (Limits(spend_usd=1e-9), 1),
        (Limits(requests_per_day=1), 1),
        (Limits(tokens_per_day=5), 6),
    ):
        quota = Quota(frozenset(has), clock=clock)
        quota.set(limits)
        _kind(quota, 1)
        quota.settle("k", "m", 0, 1.0)
        said.append(_kind(quota, tokens))
    assert said == kinds


def test_buckets_are_bounded(quota, monkeypatch) -> None:
    """Callers choose model names, so buckets of the longest unused pair make way; rules are bounded as well."""
    monkeypatch.setattr(quotas, "HELD_MAX", 3)
    monkeypatch.setattr(quotas, "RULES_MAX", 1)
    quota.set(Limits(requests_per_minute=1))
    for number in range(10):
        _kind(quota, model=f"m{number}")
        quota.settle(f"k{number}", "m", 1, 0.1)
        quota.settle("steady", "m", 1, 0.1)
    assert len(list(quota.levels())) == 3
    spent = {whose: usd for _, whose, usd, _ in quota.spent()}
    assert len(spent) <= 3
    assert spent["steady"] == pytest.approx(1.0)
    with pytest.raises(ValueError, match="at most 1 rules"):
        quota.set(Limits(requests_per_minute=1), model="m")


# header, what the dialect wrote, what the bucket says: 600 tokens a minute, 450 of them left; 10 requests, 4 left
FIGURES = [
    ("x-ratelimit-limit-tokens", "2000000", "600"),
    ("x-ratelimit-remaining-tokens", "1999990", "450"),
    ("x-ratelimit-reset-tokens", "1ms", "15s"),
    ("x-ratelimit-reset-requests", "6m0s", "36s"),
    ("x-ratelimit-remaining-requests", "9", "4"),
    ("x-ratelimit-remaining-requests-day", "9", "9"),
    ("x-ratelimit-remaining-tokens-minute", "9", "450"),
    ("anthropic-ratelimit-requests-limit", "4000", "10"),
    ("anthropic-ratelimit-requests-reset", "2025-08-21T12:40:59Z", "2026-08-17T20:53:56Z"),
    ("anthropic-ratelimit-tokens-remaining", "2400000", "0"),
    ("x-ratelimit-reset-tokens", "1787000001", "1787000015"),
    ("x-ratelimit-reset-tokens", "1787000001000", "1787000015000"),
    ("x-ratelimit-reset-tokens", "59", "15"),
    ("x-ratelimit-reset-tokens", "59.5", "15.000"),
    ("anthropic-ratelimit-unified-status", "allowed", "allowed"),
    ("retry-after", "7", "7"),
    ("x-ratelimit-remaining-requests", "-1", "-1"),
    ("x-ratelimit-limit-tokens", "-1", "-1"),
]


@pytest.mark.parametrize(("name", "sample", "figure"), FIGURES)
def test_headers_carry_the_buckets_figures_in_the_dialects_form(quota, name, sample, figure) -> None:
    """Limits, what is left and when it is full again stand in the vendor's headers, in the vendor's own formats."""
    quota.set(Limits(requests_per_minute=10, tokens_per_minute=600))
    for _ in range(6):
        quota.admit("k", "m", 25)
    assert quota.headers("k", "m", [(name, sample)]) == [(name, figure)]


def test_tokens_counted_both_ways_are_shown_as_their_sum(quota) -> None:
    """A vendor that limits input and output apart shows their sum too."""
    quota.set(Limits(input_tokens_per_minute=30_000, output_tokens_per_minute=8_000))
    quota.admit("k", "m", 10_000)
    headers = [
        (f"anthropic-ratelimit-{family}-remaining", "1") for family in ("input-tokens", "output-tokens", "tokens")
    ]
    assert [value for _, value in quota.headers("k", "m", headers)] == ["20000", "8000", "28000"]


def _limited(make_fake: Any, name: str, limits: Limits, clock: Clock) -> Any:
    fake = make_fake(name)
    dialect = find(name)
    quota = Quota(dialect.failures, clock=clock, wall=lambda: WALL_S)
    quota.set(limits)
    fake.app = create_app(
        name,
        dialect,
        fake.pace,
        run_seed=1,
        bill=fake.bills.append,
        prices=PriceTable.load(),
        account=Accounts(dialect.failures, seed=1, clock=clock, quota=quota),
    )
    return fake


REMAINING = {"openai": "x-ratelimit-remaining-requests", "anthropic": "anthropic-ratelimit-requests-remaining"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fake_counts_down_and_refuses(provider, make_fake, clock, stream) -> None:
    """Headers count down, the 429 comes with the computed wait, and after that wait the request passes."""
    fake = _limited(make_fake, provider, Limits(requests_per_minute=3), clock)
    left = [(await fake.post(fake.question("hi", stream=stream))).headers[REMAINING[provider]] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = await fake.post(fake.question("hi", stream=stream))
    assert (refused.status, refused.headers["retry-after"]) == (429, "20")
    assert refused.headers[REMAINING[provider]] == "0"
    assert fake.bills[-1].usd == 0
    clock.now_s += 20
    assert (await fake.post(fake.question("hi", stream=stream))).status == 200


async def test_a_fake_counts_what_it_bills(provider, make_fake, clock) -> None:
    """Tokens and money that a fake bills are those that its quota counts."""
    fake = _limited(make_fake, provider, Limits(tokens_per_minute=1000, spend_usd=0.0001), clock)
    statuses = []
    while not statuses or statuses[-1] == 200:
        statuses.append((await fake.post(fake.question("hi"))).status)
    paid = [bill for bill in fake.bills if bill.usd]
    assert len(paid) == len(statuses) - 1
    assert sum(bill.usd for bill in paid[:-1]) < 0.0001 <= sum(bill.usd for bill in paid)
    # the status of a used-up balance is the vendor's own
    assert statuses[-1] == {"openai": 429, "anthropic": 400}[provider]


async def test_free_operations_take_nothing(make_fake, clock) -> None:
    """A list of models takes nothing out of a quota for answers."""
    fake = _limited(make_fake, "openai", Limits(requests_per_minute=1), clock)
    for _ in range(3):
        assert (await fake.request("GET", "/v1/models")).status == 200
    assert (await fake.post(fake.question("hi"))).status == 200
