"""OAuth logins against the fakes' own token endpoint, on virtual time: renewed early, once, never with a used token.

The endpoint is `banstorm.fakes`'; without that package (the router copied out by itself) these tests are skipped.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from banstorm.router.config import Provider
from banstorm.router.refresh_token import InFile, InMemory, read_logins
from banstorm.router.renewal import Outcome

pytest.importorskip("banstorm.fakes")
from login_vendor import Vendor, asked, played


@pytest.mark.parametrize("style", ["anthropic", "openai"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_day_of_calls_with_one_login(lab, style, stream):
    """A call every ten minutes for a day: each is answered, each renewal happens before the old token ends."""

    async def day(vendor: Vendor) -> None:
        login = vendor.login(InMemory(vendor.grants.login().refresh))
        for _ in range(144):
            assert "ok" == await asked(login, stream=stream)
            assert login.tokens.left_s > 60
            await asyncio.sleep(600)
        assert not vendor.reuse_seen
        # One at the beginning, then every 58 minutes: two minutes before each end.
        assert 25 == len(vendor.presented)

    played(lab, style, day)


def test_a_fallback_that_nobody_asks_is_kept_ready(lab):
    """A login is renewed without calls as well, so that its first call in days waits for nothing."""

    async def idle(vendor: Vendor) -> None:
        login = vendor.login(InMemory(vendor.grants.login().refresh))
        login.warm_up()
        await asyncio.sleep(10 * 3600)
        before = lab.now()
        assert "ok" == await asked(login)
        assert lab.now() - before < 0.2
        assert 11 == len(vendor.presented)

    played(lab, "anthropic", idle)


def test_calls_that_need_a_token_share_one_exchange(lab):
    """A hundred calls at once at a token's end, and one exchange; who leaves meanwhile breaks nothing."""

    async def storm(vendor: Vendor) -> None:
        login = vendor.login(InMemory(vendor.grants.login().refresh))
        vendor.slow_s = 0.5
        first = asyncio.create_task(asked(login))
        await asyncio.sleep(0.1)
        first.cancel()
        assert ["ok"] * 100 == await asyncio.gather(*[asked(login, stream=n % 2 == 0) for n in range(100)])
        assert 1 == len(vendor.presented)

    played(lab, "anthropic", storm)


@pytest.mark.parametrize("style", ["anthropic", "openai"])
def test_a_used_token_is_never_sent_again(lab, style, tmp_path):
    """An answer is lost on its way: the token in hand serves to its end, then it is out until there is a new login.

    No used token is sent again, not even after a restart.
    """
    file = tmp_path / "refresh_token"

    async def lost(vendor: Vendor) -> None:
        file.write_text(vendor.grants.login().refresh)
        login = vendor.login(InFile(file, ""))
        assert "ok" == await asked(login)
        vendor.lose_answers = 1
        for _ in range(100):
            await asyncio.sleep(60)
            said = await asked(login)
            assert said == ("ok" if login.tokens.left_s else "oauth_rotation_lost")
        assert (Outcome.LOST, 2, False) == (login.tokens.state, len(vendor.presented), vendor.reuse_seen)
        again = vendor.login(InFile(file, ""))
        assert "oauth_rotation_lost" == await asked(again)
        assert 2 == len(vendor.presented)
        file.write_text(vendor.grants.login().refresh)
        await asyncio.sleep(2)
        assert ["ok", "ok"] == [await asked(login), await asked(login)]
        assert not vendor.reuse_seen

    played(lab, style, lost)


@pytest.mark.parametrize("style", ["anthropic", "openai"])
def test_a_token_from_the_environment_outlives_its_provider(lab, style, monkeypatch):
    """Keys are read again, also while an exchange is on its way: the variable still holds the first token.

    What followed it is passed on, no used one is sent again, and the one before makes no exchange of its own accord.
    """

    async def read_again(vendor: Vendor) -> None:
        monkeypatch.setenv("THE_LOGIN", vendor.grants.login().refresh)
        entry = {"name": "a", "dialect": style, "base_url": "http://x", "model": "m"}
        oauth = {"refresh_token_env": "THE_LOGIN", "token_url": "http://x"}
        provider = Provider.model_validate({**entry, "oauth": [oauth]})

        def read() -> Any:
            return vendor.login(read_logins(provider)[0][1])

        login = read()
        assert "ok" == await asked(login)
        again = read()
        again.succeed(login)
        await asyncio.sleep(3600)
        assert ("ok", 2, Outcome.OK) == (await asked(again), len(vendor.presented), again.tokens.state)
        vendor.slow_s = 0.3
        again.tokens.refused(again.tokens._access, expired=True)
        on_its_way = asyncio.create_task(asked(again))
        await asyncio.sleep(0.1)
        third = read()
        assert ["ok", "ok"] == [await asked(third), await on_its_way]
        assert (4, False) == (len(vendor.presented), vendor.reuse_seen)

    played(lab, style, read_again)


def test_an_exchange_that_is_broken_off_is_not_repeated(lab):
    """The loop ends within an exchange: whoever shares the token learns that it is lost, and doesn't send it again."""

    async def broken_off(vendor: Vendor) -> None:
        kept = InMemory(vendor.grants.login().refresh)
        first, other = vendor.login(kept), vendor.login(kept)
        vendor.slow_s = 0.5
        first.warm_up()
        await asyncio.sleep(0.1)
        first.tokens._task.cancel()
        await asyncio.sleep(0.1)
        assert ("oauth_rotation_lost", []) == (await asked(other), vendor.presented)

    played(lab, "anthropic", broken_off)


def test_a_crash_between_sending_and_storing_is_noticed(lab, tmp_path):
    """The process dies with the token on its way: the next one finds the mark, and doesn't send the token again."""

    async def crash(vendor: Vendor) -> None:
        file = tmp_path / "refresh_token"
        file.write_text(vendor.grants.login().refresh)
        dying = InFile(file, "")
        vendor.grants.refresh(dying.take())
        dying.lose()  # what the end of a process does to its locks
        assert "oauth_rotation_lost" == await asked(vendor.login(InFile(file, "")))
        assert [] == vendor.presented

    played(lab, "anthropic", crash)


def test_the_file_is_rewritten_for_its_owner_alone(lab, tmp_path):
    """The rotated token replaces the old one at once and whole, with mode 0600, and nothing else is left behind."""

    async def rotate(vendor: Vendor) -> None:
        file = tmp_path / "refresh_token"
        file.write_text(vendor.grants.login().refresh + "\n")
        file.chmod(0o644)
        before = file.stat().st_ino
        assert "ok" == await asked(vendor.login(InFile(file, "")))
        newest = next(vendor.grants.all()).refresh[-1]
        assert (newest, 0o600) == (file.read_text().strip(), file.stat().st_mode & 0o777)
        assert before != file.stat().st_ino
        assert {"refresh_token", "refresh_token.sent"} == {each.name for each in tmp_path.iterdir()}
        mark = tmp_path / "refresh_token.sent"
        assert (b"", 0o600) == (mark.read_bytes(), mark.stat().st_mode & 0o777)

    played(lab, "anthropic", rotate)


def test_a_file_that_cannot_be_written_costs_the_login_nothing_yet(lab, tmp_path, monkeypatch, caplog):
    """A full disk at the wrong moment: the new token is kept in memory and written before the next exchange."""

    async def full(vendor: Vendor) -> None:
        file = tmp_path / "refresh_token"
        file.write_text(vendor.grants.login().refresh)
        login = vendor.login(InFile(file, ""))
        with monkeypatch.context() as patched:
            patched.setattr("banstorm.router.refresh_token.replace", _no_space)
            assert "ok" == await asked(login)
        assert "can't be written" in caplog.text
        assert "sk-ant" not in caplog.text
        await asyncio.sleep(3700)
        assert ("ok", False) == (await asked(login), vendor.reuse_seen)
        assert next(vendor.grants.all()).refresh[-1] == file.read_text().strip()

    played(lab, "anthropic", full)


def _no_space(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def test_two_routers_may_share_a_file(lab, tmp_path):
    """Each exchanges in turn what the other left: no token is used twice, and both go on."""

    async def share(vendor: Vendor) -> None:
        file = tmp_path / "refresh_token"
        file.write_text(vendor.grants.login().refresh)
        vendor.slow_s = 0.3
        both = [vendor.login(InFile(file, "")) for _ in range(2)]
        for _ in range(20):
            assert ["ok", "ok"] == await asyncio.gather(*map(asked, both))
            await asyncio.sleep(900)
        assert not vendor.reuse_seen

    played(lab, "anthropic", share)
