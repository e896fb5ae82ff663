"""The admin API: what changes while calls run costs none of them."""

from __future__ import annotations

import asyncio
import itertools

import httpx
import pytest
from banstorm.router.access import Access
from banstorm.router.admin import Admin
from banstorm.router.config_access import Admin as AdminSettings
from banstorm.router.credentials import read_token
from banstorm.router.errors import ConfigError

TOKEN = {"authorization": "Bearer open sesame"}


@pytest.fixture
def managed(bench):
    """Makes a bench with an admin API beside its front."""

    async def make(**config):
        b = await bench(**config)
        front = Access(b.app, {}, Admin(b.router, b.app.config, b.metrics, "open sesame"))
        b.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://router")
        return b

    return make


def entry(up, name, **more):
    """A provider as in router.yaml."""
    return {"name": name, "dialect": up.dialect, "base_url": up.url, "model": "m", "api_key": "sk-new", **more}


async def names(b) -> list[str]:
    """The providers in their order."""
    state = (await b.client.get("/admin/providers", headers=TOKEN)).json()
    return [provider["name"] for provider in state["providers"]]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x-api-key": "open sesame"}])
@pytest.mark.parametrize(("method", "path"), [("GET", "providers"), ("DELETE", "providers/openai"), ("PUT", "order")])
async def test_nothing_without_the_token(managed, headers, method, path):
    """Every route needs the token, and without it nothing is told or changed."""
    b = await managed()
    response = await b.client.request(method, f"/admin/{path}", headers=headers)
    assert 401 == response.status_code
    assert "openai" not in response.text
    assert ["anthropic", "openai"] == b.router.fleet.names


async def test_without_a_token_there_is_no_admin_api(bench):
    """A router without a configured token has no such paths."""
    b = await bench()
    front = Access(b.app, {}, None)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://router")
    assert 404 == (await client.get("/admin/providers", headers=TOKEN)).status_code
    assert read_token(AdminSettings()) is None
    with pytest.raises(ConfigError):
        read_token(AdminSettings(token_env="NOBODY_SETS_THIS"))


async def test_new_keys_cost_no_call(managed):
    """Keys exchanged while calls are on their way: those end with the old key, later ones leave with the new ones."""
    b = await managed()
    under_way, go = asyncio.Event(), asyncio.Event()

    async def slow(exchange):
        if len(b.anthropic.requests) >= 5:
            under_way.set()
        await go.wait()
        await b.anthropic.well(exchange)

    b.anthropic.always = slow
    calls = [asyncio.create_task(b.ask(stream=n % 2 == 0)) for n in range(5)]
    await under_way.wait()
    response = await b.client.put(
        "/admin/providers/anthropic/credentials", headers=TOKEN, json={"api_key": "sk-brand-new"}
    )
    assert 200 == response.status_code
    assert {"name": "anthropic", "in_flight": 5} in response.json()["leaving"]
    assert "sk-" not in response.text
    go.set()
    b.anthropic.always = None
    assert [("anthropic", 200)] * 5 == [
        (done.headers["x-llm-provider"], done.status_code) for done in await asyncio.gather(*calls)
    ]
    assert "anthropic" == (await b.ask()).headers["x-llm-provider"]
    keys = [exchange.headers["x-api-key"] for exchange in b.anthropic.requests]
    assert ["sk-test"] * 5 + ["sk-brand-new"] == keys
    await asyncio.gather(*b.router._leaving)
    assert [] == b.router.fleet.leaving


async def test_keys_that_cant_be_read_change_nothing(managed):
    """A mistake is told without repeating what was sent, and the old key stays in service."""
    b = await managed()
    for body in ({"api_key_env": "NOBODY_SETS_THIS"}, {"api_key": 7}, {"base_url": "http://elsewhere"}):
        response = await b.client.put("/admin/providers/openai/credentials", headers=TOKEN, json=body)
        assert 400 == response.status_code
    response = await b.client.put("/admin/providers/nobody/credentials", headers=TOKEN, json={})
    assert 404 == response.status_code
    b.anthropic.always = b.anthropic.replies(402, {})
    assert 200 == (await b.ask()).status_code
    assert "Bearer sk-test" == b.openai.requests[0].headers["authorization"]


async def test_a_rotated_file_is_read_again(bench, tmp_path):
    """An empty body reads the configured files again: a rotated key needs no restart."""
    up_key = tmp_path / "key"
    up_key.write_text("sk-old")
    b = await bench()
    admin = Admin(b.router, b.app.config, b.metrics, "open sesame")
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=admin), base_url="http://router")
    added = entry(b.anthropic, "filed", api_key_file=str(up_key), place=0)
    del added["api_key"]
    assert 200 == (await client.post("/admin/providers", headers=TOKEN, json=added)).status_code
    await b.ask()
    up_key.write_text("sk-rotated")
    assert 200 == (await client.put("/admin/providers/filed/credentials", headers=TOKEN, json={})).status_code
    await b.ask()
    assert ["sk-old", "sk-rotated"] == [exchange.headers["x-api-key"] for exchange in b.anthropic.requests]


async def test_add_drain_reorder_remove(managed):
    """Providers come, rest, change places and go; calls follow at once, and metrics begin and end with them."""
    b = await managed()
    added = entry(b.openai, "third", place=0)
    assert 200 == (await b.client.post("/admin/providers", headers=TOKEN, json=added)).status_code
    assert ["third", "anthropic", "openai"] == await names(b)
    assert "third" == (await b.ask()).headers["x-llm-provider"]
    assert b'llm_provider_available{provider="third"} 1.0' in b.metrics.render()
    await b.client.post("/admin/providers/third/drain", headers=TOKEN)
    assert "anthropic" == (await b.ask()).headers["x-llm-provider"]
    assert b'llm_provider_available{provider="third"} 0.0' in b.metrics.render()
    await b.client.post("/admin/providers/third/resume", headers=TOKEN)
    assert b'llm_provider_available{provider="third"} 1.0' in b.metrics.render()
    assert "third" == (await b.ask()).headers["x-llm-provider"]
    await b.client.put("/admin/order", headers=TOKEN, json={"providers": ["openai"]})
    assert ["openai", "third", "anthropic"] == await names(b)
    assert "openai" == (await b.ask()).headers["x-llm-provider"]
    for name, status in (("third", 200), ("third", 404), ("anthropic", 200), ("openai", 409)):
        assert status == (await b.client.delete(f"/admin/providers/{name}", headers=TOKEN)).status_code
    assert ["openai"] == await names(b)
    assert b'llm_provider_available{provider="third"}' not in b.metrics.render()
    assert 200 == (await b.ask()).status_code


UNPRICED = {"dialect": "openai", "base_url": "http://x", "model": "unheard-of", "budget": {"usd": 1}}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "providers", {"name": "x"}, 400),
        ("POST", "providers", {"name": "openai", "dialect": "openai", "base_url": "http://x", "model": "m"}, 409),
        ("POST", "providers", {"name": "x", **UNPRICED}, 400),
        ("POST", "providers", {"place": -1}, 400),
        ("POST", "providers", [1], 400),
        ("PUT", "order", {"providers": ["nobody"]}, 404),
        ("PUT", "order", {"providers": "openai"}, 400),
        ("PUT", "order", {}, 400),
        ("POST", "providers/nobody/drain", {}, 404),
        ("POST", "providers/openai/explode", {}, 404),
        ("PATCH", "providers", {}, 404),
    ],
)
async def test_mistakes_change_nothing(managed, method, path, body, status):
    """What can't be done is refused with a reason, and everything stays as it was."""
    b = await managed()
    response = await b.client.request(method, f"/admin/{path}", headers=TOKEN, json=body)
    assert status == response.status_code
    assert response.json()["error"]["message"]
    assert ["anthropic", "openai"] == await names(b)


async def test_models_are_those_of_the_providers_there_are(managed):
    """`/v1/models` follows what the admin API does: added, drained and removed providers' models come and go."""
    b = await managed()

    async def models() -> list[str]:
        listed = (await b.client.get("/v1/models")).json()["data"]
        return [f"{each['owned_by']}/{each['id']}" for each in listed]

    assert ["anthropic/anthropic-model", "openai/openai-model"] == await models()
    added = entry(b.openai, "third", place=0, models={"best": "m-large", "anthropic-model": "m-small"})
    await b.client.post("/admin/providers", headers=TOKEN, json=added)
    assert ["third/m", "third/best", "third/anthropic-model", "openai/openai-model"] == await models()
    await b.client.post("/admin/providers/openai/drain", headers=TOKEN)
    assert ["third/m", "third/best", "third/anthropic-model"] == await models()
    await b.client.delete("/admin/providers/third", headers=TOKEN)
    assert ["anthropic/anthropic-model"] == await models()


async def test_the_budget_of_an_added_provider_is_kept(managed):
    """A budget that comes with a provider at run time shows, alerts, stops, and goes with it."""
    b = await managed()
    price = {"input": 1e6, "output": 1e6}
    added = entry(b.openai, "third", place=0, budget={"usd": 20, "alerts": [0.5]}, price=price)
    assert 200 == (await b.client.post("/admin/providers", headers=TOKEN, json=added)).status_code
    assert ["third", "anthropic"] == [(await b.ask()).headers["x-llm-provider"] for _ in range(3)][::2]
    metrics = b.metrics.render().decode()
    assert 'llm_budget_limit_usd{budget="third"} 20.0' in metrics
    assert 'llm_budget_spent_ratio{budget="third"} 1.8' in metrics
    assert 'llm_budget_alerts_total{budget="third"} 1.0' in metrics
    assert 'llm_provider_available{provider="third"} 0.0' in metrics
    await b.client.delete("/admin/providers/third", headers=TOKEN)
    assert 'llm_budget_limit_usd{budget="third"}' not in b.metrics.render().decode()
    assert {} == b.router.purses


async def test_a_prompt_that_is_too_long_goes_to_who_may_read_more(managed):
    """Whether somebody may read more than the one who refused follows the fleet; new keys make nobody another."""
    b = await managed()
    too_long = {"type": "invalid_request_error", "message": "prompt is too long: 300000 tokens > 200000 maximum"}
    b.anthropic.always = b.anthropic.replies(400, {"type": "error", "error": too_long})

    async def does(method: str, path: str, body: object = None) -> int:
        response = await b.client.request(method, f"/admin/{path}", headers=TOKEN, json=body or {})
        assert 200 == response.status_code, response.text
        return (await b.ask()).status_code

    assert 200 == await does("GET", "providers")
    assert 400 == await does("DELETE", "providers/openai")
    asked = len(b.anthropic.requests)
    assert 400 == await does("PUT", "providers/anthropic/credentials", {"api_key": "sk-new"})
    assert asked + 1 == len(b.anthropic.requests)
    assert [frozenset()] == [member.provider._move_on for member in b.router.fleet.members]
    assert 200 == await does("POST", "providers", entry(b.openai, "third"))


def every_other_fails(up):
    """A script whose every other answer is an error."""
    asked = itertools.count()

    async def script(exchange) -> None:
        if next(asked) % 2:
            await up.well(exchange)
        else:
            await exchange.reply(500, {"type": "error", "error": {"type": "api_error", "message": "Internal"}})

    return script


async def test_no_call_is_lost_whatever_is_changed(managed, tmp_path):
    """Two hundred calls, plain and streamed, while providers are added, moved, drained, given other keys and removed.

    Half of Anthropic's answers are errors, so that calls need somebody else while that is changed. All are answered,
    whole; nothing is left over.
    """
    b = await managed(retry={"wait_max": "2s"}, breaker={"failures_in_a_row": 1000, "failures_min": 1000})
    key = tmp_path / "key"
    key.write_text("sk-0")
    over = asyncio.Event()
    answered: list[str] = []
    b.anthropic.always = every_other_fails(b.anthropic)

    async def calls(*, stream: bool) -> None:
        while len(answered) < 200 or not over.is_set():
            if stream:
                response, words, _ = await b.ask_stream()
                assert words.strip() == f"{response.headers['x-llm-provider'].split('-')[0]} is well"
            else:
                response = await b.ask()
            assert 200 == response.status_code, response.text
            answered.append(response.headers["x-llm-provider"])

    async def does(method: str, path: str, **body: object) -> None:
        response = await b.client.request(method, f"/admin/{path}", headers=TOKEN, json=body)
        assert 200 == response.status_code, response.text
        await asyncio.sleep(0)

    async def changes() -> None:
        for turn in range(12):
            up = (b.anthropic, b.openai)[turn % 2]
            name = f"{up.dialect}-{turn}"
            added = {**entry(up, name), "api_key_file": str(key)}
            del added["api_key"]
            await does("POST", "providers", **added, place=turn % 3)
            key.write_text(f"sk-{turn}")
            await does("PUT", f"providers/{name}/credentials")
            await does("PUT", "order", providers=[name, "openai"] if turn % 3 else ["openai", name])
            await does("POST", "providers/anthropic/drain")
            await does("PUT", "providers/openai/credentials", api_key=f"sk-openai-{turn}")
            await does("POST", "providers/anthropic/resume")
            await does("POST", f"providers/{name}/drain")
            await does("DELETE", f"providers/{name}")
        over.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(changes())
        for n in range(8):
            group.create_task(calls(stream=n % 2 == 0))
    assert len(answered) >= 200
    assert len(set(answered)) > 4
    await asyncio.gather(*b.router._leaving)
    assert ([], {"openai", "anthropic"}) == (b.router.fleet.leaving, set(await names(b)))
    assert 0 == sum(member.in_flight for member in b.router.fleet.members)
