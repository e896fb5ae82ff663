"""What answers and refusals say of limits: a subscription's windows, figures, caps, in each vendor's words."""

from __future__ import annotations

from typing import Any

import pytest
from banstorm.fakes.account import Accounts
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._openai_failures import duration
from banstorm.fakes.meters import Bucket
from banstorm.fakes.oauth import Grants
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.quota import Limits, Quota
from banstorm.fakes.quota_headers import Places

from .clocks import Clock

KINDS = frozenset({"rate_limited", "daily_limited"})


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def _fake(make_fake: Any, name: str, clock: Clock) -> tuple[Any, Accounts]:
    fake, dialect = make_fake(name), find(name)
    quota = Quota(dialect.failures, clock=clock, wall=clock.wall, vendor=name)
    accounts = Accounts(dialect.failures, seed=1, clock=clock, quota=quota, vendor=name)
    fake.app = create_app(
        name, dialect, fake.pace, run_seed=1, bill=fake.bills.append, prices=PriceTable.load(), account=accounts
    )
    return fake, accounts


UNIFIED = "anthropic-ratelimit-unified-"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_subscription_tells_its_windows_with_every_answer(make_fake, clock, stream) -> None:
    """Allowed, then with a warning, then rejected, each with the share used and the resets in seconds since 1970."""
    fake, accounts = _fake(make_fake, "anthropic", clock)
    token = Grants(accounts, "anthropic", seed=1).login().access
    headers = {"authorization": f"Bearer {token}", "anthropic-version": "2023-06-01"}
    headers["anthropic-beta"] = "oauth-2025-04-20"
    question = fake.question("hi", stream=stream)
    fresh = (await fake.post(question, headers=headers)).headers
    assert (fresh[UNIFIED + "status"], fresh[UNIFIED + "5h-utilization"]) == ("allowed", "0.0")
    assert not [name for name in fresh if name.startswith("anthropic-ratelimit-requests")]
    tokens = fake.bills[0].input_tokens + fake.bills[0].produced_tokens
    accounts.quota.set(Limits(window_5h_tokens=tokens * 1.1, window_7d_tokens=tokens * 100))
    told, statuses = [], []
    for _ in range(3):
        answered = await fake.post(question, headers=headers)
        told.append(answered.headers)
        statuses.append(answered.status)
    assert statuses == [200, 200, 429]
    assert told[0][UNIFIED + "status"] == ("allowed" if stream else "allowed_warning"), "a stream's head comes first"
    assert told[1][UNIFIED + "status"] == "allowed_warning"
    refused = told[2]
    reset_s = int(clock.wall()) + 18_000
    assert {name: refused[UNIFIED + name] for name in ("status", "representative-claim", "reset", "5h-status")} == {
        "status": "rejected",
        "representative-claim": "five_hour",
        "reset": str(reset_s),
        "5h-status": "rejected",
    }
    assert (refused[UNIFIED + "7d-status"], refused[UNIFIED + "7d-utilization"]) == ("allowed", "0.02")
    assert refused[UNIFIED + "7d-reset"] == str(int(clock.wall()) + 7 * 86_400)
    assert float(refused[UNIFIED + "5h-utilization"]) == pytest.approx(2 / 1.1, abs=0.01)
    assert refused["retry-after"] == "18000"
    assert len([name for name in refused if name.startswith("anthropic-ratelimit-")]) == 9


async def test_a_key_has_the_limits_of_keys(make_fake, clock) -> None:
    """Where there are subscriptions, an API key's answers carry an API key's limits."""
    fake, accounts = _fake(make_fake, "anthropic", clock)
    Grants(accounts, "anthropic", seed=1)
    headers = (await fake.post(fake.question("hi"))).headers
    assert "anthropic-ratelimit-requests-limit" in headers
    assert not [name for name in headers if name.startswith(UNIFIED)]


async def test_a_codex_subscription_tells_its_windows(make_fake, clock) -> None:
    """OpenAI's subscriptions say the share in percent, and when the window is over, in seconds and as a moment."""
    fake, accounts = _fake(make_fake, "openai", clock)
    accounts.quota.set(Limits(window_5h_tokens=10_000, window_7d_tokens=1e6))
    headers = (await fake.post(fake.question("hi" * 8000))).headers
    used = fake.bills[0].input_tokens + fake.bills[0].produced_tokens
    assert headers["x-codex-primary-used-percent"] == str(used * 100 // 10_000)
    assert headers["x-codex-primary-window-minutes"] == "300"
    assert headers["x-codex-primary-reset-after-seconds"] == "18000"
    assert headers["x-codex-primary-reset-at"] == str(int(clock.wall()) + 18_000)
    assert headers["x-codex-secondary-window-minutes"] == "10080"
    assert not [name for name in headers if name.startswith("x-ratelimit-")]
    while (refused := await fake.post(fake.question("hi" * 8000))).status == 200:
        pass
    assert refused.document["error"]["type"] == "usage_limit_reached"
    assert refused.document["error"]["resets_at"] == int(clock.wall()) + 18_000
    assert refused.headers["x-codex-primary-used-percent"] == "100"
    assert len([name for name in refused.headers if name == "x-codex-primary-used-percent"]) == 1


WORDS: list[tuple[str, Limits, str]] = [
    ("anthropic", Limits(requests_per_minute=1000), "rate limit of 1,000 requests per minute"),
    ("anthropic", Limits(input_tokens_per_minute=30_000), "rate limit of 30,000 input tokens per minute"),
    ("openai", Limits(requests_per_minute=1000), "Limit 1000, Used 1000, Requested 1."),
    ("openai", Limits(tokens_per_minute=30_000), "Limit 30000, Used 27000, Requested 9000."),
    ("openai", Limits(requests_per_day=1000), "on requests per day (RPD): Limit 1000, Used 1000, Requested 1."),
]


@pytest.mark.parametrize(("name", "limits", "words"), WORDS)
def test_a_refusal_says_its_figures_in_the_vendors_words(clock, name, limits, words) -> None:
    """The message has the ceiling, what is used and what was asked for, written as the vendor writes it."""
    dialect = find(name)
    quota = Quota(dialect.failures, clock=clock, wall=clock.wall, vendor=name)
    quota.set(limits)
    tokens = 9000 if limits.requests_per_minute is None and limits.requests_per_day is None else 1
    while (refusal := quota.admit("k", "m", tokens)) is None:
        pass
    assert words in dialect.failure(refusal.kind, refusal.details, id_seed=1).body.decode()


CAPS: list[tuple[str, Limits, dict[str, str], int, str]] = [
    ("anthropic", Limits(spend_usd=1e-9), {}, 400, "credit balance is too low"),
    ("anthropic", Limits(spend_cap_usd=1e-9), {}, 400, "usage limits. You will regain access on 2026-12-01 at 00:00"),
    ("anthropic", Limits(spend_cap_usd=1e-9), {"level": "project"}, 400, "specified workspace API usage limits"),
    ("anthropic", Limits(tier_cap_usd=1e-9), {}, 429, "enforced_spend_limit_reached"),
    ("openai", Limits(spend_usd=1e-9), {}, 429, "credit_balance_exhausted"),
    ("openai", Limits(spend_cap_usd=1e-9), {}, 429, "organization_spend_limit_exceeded"),
    ("openai", Limits(spend_cap_usd=1e-9), {"level": "project"}, 429, "project_spend_limit_exceeded"),
    ("openai", Limits(tier_cap_usd=1e-9), {}, 429, "organization_usage_limit_exceeded"),
]


@pytest.mark.parametrize(("name", "limits", "whose", "status", "words"), CAPS)
async def test_each_cap_has_its_own_words(make_fake, clock, name, limits, whose, status, words) -> None:
    """A balance, a cap of one's own (the organisation's or a project's) and a tier's are told apart, without a wait."""
    fake, accounts = _fake(make_fake, name, clock)
    key = {"anthropic": "sk-ant-x", "openai": "sk-proj-x"}[name]
    accounts.enrol(key, "acme", "web")
    accounts.quota.set(limits, **whose)
    assert (await fake.post(fake.question("hi"))).status == 200
    refused = await fake.post(fake.question("hi"))
    assert refused.status == status
    assert words in refused.body.decode()
    assert "retry-after" not in refused.headers


def test_groq_tells_requests_of_the_day_and_tokens_of_the_minute(clock) -> None:
    """Headers without a period in their name are about a day for requests and about a minute for tokens, at Groq."""
    quota = Quota(KINDS, clock=clock, wall=clock.wall, vendor="groq")
    quota.set(Limits(requests_per_minute=30, requests_per_day=1000, tokens_per_minute=6000, tokens_per_day=100_000))
    names = ("x-ratelimit-limit-requests", "x-ratelimit-limit-tokens")
    assert quota.headers("k", "m", [(name, "1") for name in names]) == list(zip(names, ("1000", "6000"), strict=True))


@pytest.mark.parametrize("reset_s", [0.0, 0.0004, 0.006, 0.4994, 0.99949, 0.9996, 1.0, 1.0004, 59.9996, 61.5, 3723.0])
def test_a_reset_is_told_to_the_millisecond(reset_s) -> None:
    """OpenAI's resets are Go durations of whole milliseconds, and a second of nearly a thousand of them."""
    bucket = Bucket("requests", 6000.0, 6000.0, 0.0)
    bucket.level -= reset_s
    places = Places(("x-ratelimit-reset-requests",), lambda *_: [bucket])
    told = places.fill([("x-ratelimit-reset-requests", "6ms")], 0.0)
    assert told == [("x-ratelimit-reset-requests", duration(round(reset_s, 3)))]
