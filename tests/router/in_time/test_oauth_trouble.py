"""OAuth logins in trouble, on virtual time: an endpoint that is down, tokens that are refused, expired or revoked.

The endpoint is `banstorm.fakes`'; without that package (the router copied out by itself) these tests are skipped.
"""

from __future__ import annotations

import asyncio

import pytest
from banstorm.router import LLMRequest
from banstorm.router.refresh_token import InFile, InMemory
from banstorm.router.renewal import Outcome

pytest.importorskip("banstorm.fakes")
from login_vendor import Vendor, asked, fake_accounts, fake_oauth, played


def test_an_endpoint_that_is_down_is_asked_rarely_and_costs_nothing_before_the_end(lab):
    """Down for three hours: calls are answered while the token lives, then told to stay away for now.

    The endpoint sees a request a minute at most, and the login is back within that after its end.
    """

    async def outage(vendor: Vendor) -> None:
        login = vendor.login(InMemory(vendor.grants.login().refresh))
        assert "ok" == await asked(login)
        vendor.grants.fail(503)
        down = lab.now()
        while lab.now() < down + 3 * 3600:
            said = await asked(login)
            assert said == ("ok" if login.tokens.left_s else "oauth_refresh_down")
            await asyncio.sleep(5)
        assert len(vendor.presented) < 140
        vendor.grants.mend()
        await asyncio.sleep(61)
        assert ("ok", Outcome.OK) == (await asked(login), login.tokens.state)

    played(lab, "anthropic", outage)


@pytest.mark.parametrize(("style", "state"), [("anthropic", Outcome.REFUSED), ("openai", Outcome.REUSED)])
def test_a_login_that_somebody_else_used_is_out_and_kept(lab, style, state, tmp_path):
    """A shared token, used elsewhere: the vendor ends the login. It is out with its reason, and a new one is found."""

    async def shared(vendor: Vendor) -> None:
        file = tmp_path / "refresh_token"
        token = vendor.grants.login().refresh
        file.write_text(token)
        vendor.grants.refresh(token)
        login = vendor.login(InFile(file, ""))
        assert ([str(state)] * 2, state) == ([await asked(login), await asked(login)], login.tokens.state)
        assert 1 == len(vendor.presented)
        assert token == file.read_text()
        file.write_text(vendor.grants.login().refresh)
        await asyncio.sleep(2)
        assert "ok" == await asked(login)

    played(lab, style, shared)


def test_a_refusal_that_was_a_mistake_is_forgiven(lab, caplog):
    """A vendor refuses good tokens for an hour: it is asked a few times, nothing is deleted, the login comes back."""

    async def mistaken(vendor: Vendor) -> None:
        login = vendor.login(InMemory(vendor.grants.login().refresh))
        real = vendor.grants.refresh

        def refuse(_token: str) -> None:
            raise fake_oauth.GrantRefusedError("unknown")

        vendor.grants.refresh = refuse
        until = lab.now() + 3600
        while lab.now() < until:
            assert "oauth_refresh_refused" == await asked(login)
            await asyncio.sleep(5)
        assert len(vendor.presented) < 12
        vendor.grants.refresh = real
        await asyncio.sleep(901)
        assert "ok" == await asked(login)

    played(lab, "anthropic", mistaken)
    assert "sk-ant" not in caplog.text


@pytest.mark.parametrize("stream", [False, True])
def test_a_token_that_ends_early_is_renewed_within_the_attempt(lab, stream):
    """The vendor says that the token has expired, though it should live: one exchange, one more request, one answer."""

    async def early(vendor: Vendor) -> None:
        login = vendor.login(InMemory(vendor.grants.login().refresh))
        assert "ok" == await asked(login)
        grant = next(vendor.grants.all())
        vendor.accounts.change("oauth_expired", key=grant.access[-1])
        assert ("ok", 2) == (await asked(login, stream=stream), len(vendor.presented))

    played(lab, "anthropic", early)


def test_a_vendor_that_calls_every_token_expired_is_not_hammered(lab):
    """Whatever is exchanged is refused at once as expired: one exchange a minute at most, and then it is over."""

    async def broken(vendor: Vendor) -> None:
        login = vendor.login(InMemory(vendor.grants.login().refresh))
        assert "ok" == await asked(login)
        vendor.accounts.change("oauth_expired", organisation=fake_accounts.DEFAULT_ORGANISATION)
        until = lab.now() + 300
        while lab.now() < until:
            assert "oauth_expired" == await asked(login)
            await asyncio.sleep(1)
        assert len(vendor.presented) <= 7
        vendor.accounts.change("ok", organisation=fake_accounts.DEFAULT_ORGANISATION)
        assert "ok" == await asked(login)

    played(lab, "anthropic", broken)


def test_a_revoked_token_is_not_exchanged_but_a_new_login_is_found(lab, tmp_path):
    """Revoked: no exchange can help, so none is made; whoever logs in again only has to write the file."""

    async def revoked(vendor: Vendor) -> None:
        file = tmp_path / "refresh_token"
        file.write_text(vendor.grants.login().refresh)
        login = vendor.login(InFile(file, ""))
        assert "ok" == await asked(login)
        vendor.grants.revoke(number=1)
        for _ in range(30):
            assert "oauth_revoked" == await asked(login)
            await asyncio.sleep(1)
        assert 1 == len(vendor.presented)
        file.write_text(vendor.grants.login().refresh)
        assert "ok" == await asked(login)

    played(lab, "anthropic", revoked)


WOES = {
    "oauth_expired": lambda vendor: vendor.accounts.change(
        "oauth_expired", organisation=fake_accounts.DEFAULT_ORGANISATION
    ),
    "oauth_revoked": lambda vendor: vendor.grants.revoke(number=1),
    "oauth_refresh_down": lambda vendor: vendor.grants.fail(503),
}


@pytest.mark.parametrize("other", ["credential", "provider"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("woe", WOES)
def test_no_call_is_lost_while_there_is_another_way(lab, woe, stream, other):
    """Two hours of calls with a login in trouble: the pool's other credential or another provider answers them all.

    Once the login is well it serves again.
    """

    async def trouble(vendor: Vendor) -> None:
        login = vendor.login(InMemory(vendor.grants.login().refresh))
        spare = lab.Scripted("claude" if other == "credential" else "openai")
        spare.credential = "key"
        router = lab.make(login, spare)
        answers: list[str] = []

        async def call() -> None:
            request = LLMRequest("hello", max_tokens=20)
            if not stream:
                answers.append((await router.aroute(request)).provider)
            else:
                async for _ in router.stream(request):
                    pass
                answers.append("ok")

        await call()
        WOES[woe](vendor)
        until = lab.now() + 2 * 3600
        while lab.now() < until:
            await asyncio.gather(call(), call())
            await asyncio.sleep(7)
        asked_spare = len(spare.asked)
        assert asked_spare > 500
        if woe == "oauth_refresh_down":
            vendor.grants.mend()
        elif woe == "oauth_expired":
            vendor.accounts.change("ok", organisation=fake_accounts.DEFAULT_ORGANISATION)
        await asyncio.sleep(120)
        for _ in range(20):
            await call()
            await asyncio.sleep(20)
        assert (len(spare.asked) < asked_spare + 20) == (woe != "oauth_revoked")
        await router.aclose()

    played(lab, "anthropic", trouble)


def test_the_end_of_the_process_waits_for_an_exchange(lab, tmp_path):
    """Closed while an exchange is on its way: its answer is stored, so the next process can go on."""

    async def closing(vendor: Vendor) -> None:
        file = tmp_path / "refresh_token"
        file.write_text(vendor.grants.login().refresh)
        vendor.slow_s = 2
        login = vendor.login(InFile(file, ""))
        login.warm_up()
        await asyncio.sleep(0.1)
        await login.aclose()
        assert next(vendor.grants.all()).refresh[-1] == file.read_text().strip()

    played(lab, "anthropic", closing)
