"""Keys and tokens go to their provider and nowhere else: every output of a busy router is searched for them."""

from __future__ import annotations

import gc
import logging

import httpx
import pytest
from banstorm.router.access import Access
from banstorm.router.admin import Admin
from banstorm.router.build import build_pool, warm_up
from banstorm.router.call_log import CallLog
from banstorm.router.config import Config
from banstorm.router.errors import ConfigError
from banstorm.router.fronts.base import Asked
from banstorm.router.load_config import load_config
from banstorm.router.refusal import redact

KEY, ADMIN = "sk-ant-api03-KEYKEYKEYKEY", "admin-ADMINADMINADMIN"
REFRESH, ROTATED, ACCESS = "sk-ant-ort01-REFRESHREFRESH", "sk-ant-ort01-ROTATEDROTATED", "sk-ant-oat01-ACCESSACCESS"
SECRETS = [secret.rsplit("-", maxsplit=1)[-1] for secret in (KEY, ADMIN, REFRESH, ROTATED, ACCESS)]


def found(text: str) -> list[str]:
    """The secrets in a text."""
    return [secret for secret in SECRETS if secret in text]


async def _grant(exchange):
    """A token endpoint beside an API that answers well."""
    assert REFRESH == exchange.body["refresh_token"]
    await exchange.reply(200, {"access_token": ACCESS, "refresh_token": ROTATED, "expires_in": 3600})


async def _refuse(exchange):
    """Refuse, and repeat whatever key came."""
    given = exchange.headers.get("authorization", "") + exchange.headers.get("x-api-key", "")
    error = {"type": "authentication_error", "message": f"invalid x-api-key: {given}"}
    await exchange.reply(401, {"type": "error", "error": error})


async def test_no_output_holds_a_secret(bench, upstream, tmp_path, caplog, capfd):
    """Keys and tokens in use, rotated, refused, and repeated by a provider: no output holds one.

    Outputs are answers, errors, the call log, the log, metrics, the admin API, the terminal, and every object's repr.
    """
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "login"
    file.write_text(REFRESH)
    lines: list[str] = []
    b = await bench(CallLog(lines.append), log={"level": "debug"})
    login = await upstream("anthropic")
    entry = {
        "name": "claude", "dialect": "anthropic", "base_url": login.url, "model": "m", "api_key": KEY,
        "oauth": [{"refresh_token_file": str(file)}],
    }  # fmt: skip
    front = Access(b.app, {}, Admin(b.router, b.app.config, b.metrics, ADMIN))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://router")
    headers = {"authorization": f"Bearer {ADMIN}"}
    said: list[str] = []

    async def does(method: str, path: str, **body: object) -> None:
        response = await client.request(method, path, headers=headers, json=body)
        said.append(response.text + repr(dict(response.headers)))

    login.script.append(_grant)
    await does("POST", "/admin/providers", **entry, place=0)
    await b.router.fleet.pool("claude")[1].provider.tokens.ready(5.0)
    assert ROTATED == file.read_text().strip()
    ask = {"model": "any", "messages": [{"role": "user", "content": "hi"}]}
    for stream in (False, True):
        await does("POST", "/v1/chat/completions", **ask, stream=stream)
        await does("POST", "/v1/chat/completions", **ask, stream=stream)
    sent = {exchange.headers.get("authorization") or exchange.headers.get("x-api-key") for exchange in login.requests}
    assert {f"Bearer {ACCESS}", KEY} <= sent
    for up in (login, b.anthropic, b.openai):
        up.always = _refuse
    for _ in range(3):
        await does("POST", "/v1/chat/completions", **ask)
    await does("GET", "/admin/providers")
    await does("PUT", "/admin/providers/claude/credentials", api_key=KEY, nonsense=KEY)
    await does("PUT", "/admin/providers/claude/credentials", api_key=7, api_key_file=KEY)
    await does("GET", "/metrics")
    await does("GET", "/readyz")
    asked = Asked(headers=[(b"authorization", KEY.encode())], body=KEY.encode())
    ours = [each for each in gc.get_objects() if str(type(each).__module__).startswith("banstorm.router")]
    shown = [repr(each) for each in ours if not isinstance(each, type)]
    assert len(shown) > 50
    assert repr(asked) in shown
    terminal = capfd.readouterr()
    outputs = {"answers": said, "calls": lines, "log": [caplog.text], "terminal": list(terminal), "reprs": shown}
    assert {} == {name: hits for name, texts in outputs.items() if (hits := [t for t in texts if found(t)])}
    assert len(lines) == 7
    assert "claude" in "".join(said)
    await client.aclose()


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("api_key: [sk-ant-api03-KEYKEYKEYKEY]", "api_key"),
        ("api_key: sk-ant-api03-KEYKEYKEYKEY\n    api_key_env: X", "both set"),
        ("api_kye: sk-ant-api03-KEYKEYKEYKEY", "api_kye"),
        ("oauth: [{refresh_token: sk-ant-ort01-REFRESHREFRESH}]", "refresh_token"),
        ("oauth: [sk-ant-ort01-REFRESHREFRESH]", "oauth"),
    ],
)
def test_a_mistake_beside_a_key_is_told_without_it(tmp_path, bad, what):
    """A configuration with a mistake where a key stands: the message names the place, not the key."""
    path = tmp_path / "router.yaml"
    head = "providers:\n  - name: a\n    dialect: anthropic\n    base_url: http://x\n    model: m\n    "
    path.write_text(head + bad)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert what in str(caught.value)
    assert [] == found(str(caught.value))


@pytest.mark.parametrize(
    "secret", [KEY, REFRESH, ACCESS, "rt_abcdefgh123456", "eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjF9.c2lnbmF0dXJl"]
)
def test_what_looks_like_a_secret_is_taken_out_of_words(secret):
    """A provider that repeats a key or token in its error doesn't get it into ours."""
    told = redact(f"bad token {secret}!")
    assert secret[-8:] not in told
    assert told.startswith("bad token ")


LOGINS = [
    ({"refresh_token_file": "{folder}/none"}, "can't read the key"),
    ({"refresh_token_file": "{folder}/empty"}, "is empty"),
    ({"refresh_token_env": "NOBODY_SETS_THIS"}, "is not set"),
]


@pytest.mark.parametrize(("login", "what"), LOGINS)
def test_a_login_that_cannot_be_read_is_told(tmp_path, login, what):
    """A missing file, an empty one, or a variable that isn't set: told at the start, with its place."""
    (tmp_path / "empty").write_text("")
    where = {name: value.replace("{folder}", str(tmp_path)) for name, value in login.items()}
    entry = {"name": "a", "dialect": "anthropic", "base_url": "http://x", "model": "m", "oauth": [where]}
    config = Config.model_validate({"providers": [entry]})
    with pytest.raises(ConfigError, match=what) as caught:
        build_pool(config, config.providers[0])
    assert "providers, a, oauth[0]" in str(caught.value)


@pytest.mark.parametrize(
    ("dialect", "login", "what"),
    [
        ("anthropic", {}, "exactly one of refresh_token_file and refresh_token_env"),
        ("anthropic", {"refresh_token_env": "A", "refresh_token_file": "b"}, "exactly one of"),
        ("openai", {"refresh_token_env": "A"}, "oauth needs a token_url"),
        ("gemini", {"refresh_token_env": "A", "token_url": "http://x"}, "oauth is for anthropic"),
    ],
)
def test_a_login_that_makes_no_sense_is_refused(dialect, login, what):
    """One place for the token, an address for its renewal, and a dialect that takes access tokens for keys."""
    entry = {"name": "a", "dialect": dialect, "base_url": "http://x", "model": "m", "oauth": [login]}
    with pytest.raises(ValueError, match=what):
        Config.model_validate({"providers": [entry]})


async def test_logins_and_keys_are_one_pool(monkeypatch, upstream):
    """A key and two logins are three credentials of one provider, each with its label; logins ask at their own URL."""
    monkeypatch.setenv("KEY_A", KEY)
    monkeypatch.setenv("LOGIN_A", REFRESH)
    monkeypatch.setenv("LOGIN_B", REFRESH)
    vendor, elsewhere = await upstream("anthropic"), await upstream("anthropic")
    vendor.script.append(_grant)
    elsewhere.script.append(_grant)
    logins = [{"refresh_token_env": "LOGIN_A"}, {"refresh_token_env": "LOGIN_B", "token_url": f"{elsewhere.url}/t"}]
    entry = {"name": "a", "dialect": "anthropic", "base_url": vendor.url, "model": "m", "api_key_env": "KEY_A"}
    config = Config.model_validate({"providers": [{**entry, "oauth": logins}]})
    pool = build_pool(config, config.providers[0])
    assert [("a", "KEY_A"), ("a", "LOGIN_A"), ("a", "LOGIN_B")] == [(each.name, each.credential) for each in pool]
    warm_up(pool)
    for login in pool[1:]:
        assert ACCESS == await login.tokens.ready(5.0)
    assert [["/v1/oauth/token"], ["/t"]] == [[each.path for each in up.requests] for up in (vendor, elsewhere)]
    for each in pool:
        await each.aclose()
