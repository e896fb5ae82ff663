"""`/readyz`: whether calls should come, told to a load balancer that sends none while the answer is no."""

from __future__ import annotations

import httpx
import pytest
from banstorm.router import AllProvidersExhausted, Failure, Meaning
from banstorm.router.app import App
from banstorm.router.config import Breaker, Config, Retry
from banstorm.router.metrics import Metrics

DOWN = Failure(Meaning.TRANSIENT, "server_error", "down", 500)
CONFIG = Config.model_validate(
    {"providers": [{"name": "a", "dialect": "openai", "base_url": "http://a", "model": "m"}]}
)


async def ready(router) -> tuple[int, dict[str, str]]:
    """The status, and the breakers as they are told."""
    app = App(router, CONFIG, Metrics())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://router") as client:
        response = await client.get("/readyz")
    return response.status_code, response.json()["breakers"]


def test_a_pod_without_calls_comes_back(lab):
    """With every breaker open it is not ready; once one is due for a probe it is, for only a call can be the probe."""
    a = lab.Scripted("a")
    a.always = DOWN

    async def scene() -> None:
        router = lab.make(a, breaker=Breaker(cooldown=15.0, failures_in_a_row=1), retry=Retry(wait_max=0.1))
        assert (200, {"a": "closed"}) == await ready(router)
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router)
        assert (503, {"a": "open"}) == await ready(router)
        a.always = None
        await lab.sleep(60)
        assert (200, {"a": "open"}) == await ready(router)
        assert "a" == await lab.ask(router)
        assert (200, {"a": "closed"}) == await ready(router)

    lab.virtually(scene())


def test_each_key_of_a_pool_is_told(lab):
    """A pool's keys each have a breaker, and none hides another's."""
    keys = [lab.Scripted("a"), lab.Scripted("a")]
    keys[0].credential, keys[1].credential = "KEY_1", "KEY_2"
    keys[0].always = Failure(Meaning.CREDENTIAL, "bad_key", "revoked", 401)

    async def scene() -> None:
        router = lab.make(*keys, breaker=Breaker(cooldown=15.0))
        assert "a" == await lab.ask(router)
        assert (200, {"a (KEY_1)": "open", "a (KEY_2)": "closed"}) == await ready(router)

    lab.virtually(scene())
