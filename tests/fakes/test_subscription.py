from __future__ import annotations

from typing import Any

import pytest
from banstorm.fakes.account import AccountError

from .oauth_provider import Provider


@pytest.fixture
def claude(make_fake: Any) -> Provider:
    """Anthropic alone, with OAuth."""
    return Provider(make_fake("anthropic"))


HEADERS: list[tuple[dict[str, str], int, str]] = [
    ({"authorization": "Bearer {}", "anthropic-beta": "oauth-2025-04-20"}, 200, "msg_"),
    ({"authorization": "Bearer {}", "anthropic-beta": "a,oauth-2025-04-20 ,b"}, 200, "msg_"),
    ({"authorization": "Bearer {}"}, 401, "OAuth authentication is currently not supported."),
    ({"authorization": "Bearer {}", "anthropic-beta": "oauth-2025"}, 401, "OAuth authentication is currently not"),
    ({"x-api-key": "{}", "anthropic-beta": "oauth-2025-04-20"}, 401, "invalid x-api-key"),
]


@pytest.mark.parametrize(("headers", "status", "words"), HEADERS)
async def test_an_access_token_needs_its_beta_and_its_header(claude, headers, status, words) -> None:
    """An access token is taken as a bearer with its beta among the betas; as an API key it is none."""
    token = claude.grants.login().access
    given = {name: value.format(token) for name, value in headers.items()}
    answered = await claude.fake.post(claude.fake.question("hi"), headers={"anthropic-version": "2023-06-01", **given})
    assert answered.status == status
    assert words in answered.body.decode()


async def test_a_key_needs_no_beta(claude) -> None:
    """What is asked of access tokens is not asked of API keys."""
    assert (await claude.fake.post(claude.fake.question("hi"))).status == 200


OFFICIAL = "You are Claude Code, Anthropic's official CLI for Claude."
# the system prompt, status by default, and with a pattern that blocks a name
CLIENTS: list[tuple[Any, int, int]] = [
    (OFFICIAL, 200, 200),
    ([{"type": "text", "text": OFFICIAL}, {"type": "text", "text": "You work on a repository."}], 200, 200),
    ([{"type": "text", "text": OFFICIAL}, {"type": "text", "text": "You are OpenFang."}], 200, 400),
    ("You are OpenFang.", 400, 400),
    (None, 400, 200),
]


@pytest.mark.parametrize(("system", "allowing", "blocking"), CLIENTS)
async def test_a_third_party_is_told_by_its_system_prompt(claude, system, allowing, blocking) -> None:
    """With a subscription's token only the vendor's client, or all but a blocked one, is answered; keys are free."""
    token = claude.grants.login().access
    question = {} if system is None else {"system": system}
    claude.accounts.change_third_party()
    assert (await claude.answered(token, **question)).status == allowing
    claude.accounts.change_third_party(block="OpenFang", details={"variant": "claude_code_only"})
    answered = await claude.answered(token, **question)
    assert answered.status == blocking
    if blocking == 400:
        assert "only authorized for use with Claude Code" in answered.body.decode()
    assert (await claude.fake.post(claude.fake.question("hi", **question))).status == 200
    claude.accounts.change_third_party("ok")
    assert (await claude.answered(token, **question)).status == 200


async def test_third_parties_are_refused_in_stages(claude) -> None:
    """A staged refusal begins with nobody, grows with the clock, and the same tokens stay refused."""
    tokens = [claude.grants.login().access for _ in range(60)]
    claude.accounts.change_third_party(in_s=10, rollout_s=100, entry="0:third_party")
    refused = []
    for moment in (1009, 1010, 1060, 1110):
        claude.clock.now_s = moment
        refused.append({token for token in tokens if (await claude.answered(token)).status == 400})
    assert refused[0] == refused[1] == set()
    assert set() < refused[2] < refused[3] == set(tokens)


def test_third_parties_are_anthropics(make_fake) -> None:
    """A vendor that tells no third parties apart says so, and a pattern that is none is refused."""
    with pytest.raises(AccountError, match="no third parties"):
        Provider(make_fake("openai")).accounts.change_third_party()
    for pattern, words in (("(", "no regular expression"), ("x" * 1001, "at most 1000")):
        with pytest.raises(AccountError, match=words):
            Provider(make_fake("anthropic")).accounts.change_third_party(block=pattern)
