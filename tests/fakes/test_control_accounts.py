"""The control API on customers, models, regions and limits."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from .test_control import ONE, Market, market

__all__ = ["market"]


async def _enrol(market: Market) -> None:
    """The fake's key is in acme's project web, two more in acme and in umbrella."""
    for key, organisation, project in (
        ("sk-proj-x", "acme", "web"),
        ("sk-proj-y", "acme", None),
        ("sk-proj-z", "umbrella", None),
    ):
        status, told, _ = await market.call(
            "POST", f"{ONE}/keys", {"key": key, "organisation": organisation, "project": project}
        )
        assert (status, told["organisation"], told["project"]) == (201, organisation, project)


async def _statuses(market: Market) -> list[int]:
    keys = ("sk-proj-x", "sk-proj-y", "sk-proj-z")
    return [await market.ask(headers={**market.fake.headers, "authorization": f"Bearer {key}"}) for key in keys]


LEVELS: list[tuple[dict[str, Any], list[int]]] = [
    ({"key": "sk-proj-x"}, [401, 200, 200]),
    ({"project": "web"}, [401, 200, 200]),
    ({"organisation": "acme"}, [401, 401, 200]),
    ({}, [401, 401, 401]),
    ({"key": "sk-proj-x", "spread_s": 0, "spread_to": ["project", "organisation"]}, [401, 401, 200]),
]


@pytest.mark.parametrize(("whom", "statuses"), LEVELS)
async def test_each_level_is_changed_and_lifted(market, whom, statuses) -> None:
    """A ban by control reaches whom it names, is told without keys, and one call lifts every ban."""
    await _enrol(market)
    body = {"state": "org_disabled", **whom}
    assert (await market.call("PUT", f"{ONE}/standing", body))[1] == {"state": "org_disabled"}
    assert await _statuses(market) == statuses
    _, told, _ = await market.call("GET", f"{ONE}/standing")
    assert {change["state"] for change in told["changes"]} == {"org_disabled"}
    assert b"sk-proj" not in orjson.dumps(told)
    assert (await market.call("DELETE", f"{ONE}/standing"))[1] == {"state": "ok"}
    assert await _statuses(market) == [200, 200, 200]


async def test_a_region_is_placed_and_blocked(market) -> None:
    """Requests from a network that was placed in a blocked region are refused."""
    _, placed, _ = await market.call("PUT", f"{ONE}/regions", {"network": "203.0.113.0/24", "region": "XX"})
    assert placed == {"203.0.113.0/24": "XX"} == (await market.call("GET", f"{ONE}/regions"))[1]
    await market.call("PUT", f"{ONE}/standing", {"state": "region_blocked", "region": "XX"})
    behind = {**market.fake.headers, "x-banstorm-attempt": "1", "x-forwarded-for": "203.0.113.1"}
    assert [await market.ask(headers=behind), await market.ask()] == [403, 200]


async def test_a_model_is_retired_and_brought_back(market) -> None:
    """A model is gone from its moment on, and "ok" brings it back."""
    wish = {"state": "model_retired", "model": "gpt-5.4*", "in_s": 5}
    _, told, _ = await market.call("PUT", f"{ONE}/models", wish)
    assert [(each["model"], each["state"], each["begins_in_s"]) for each in told["changes"]] == [
        ("gpt-5.4*", "model_retired", 5)
    ]
    assert await market.ask() == 200
    market.clock.now_s += 5
    assert await market.ask() == 404
    await market.call("PUT", f"{ONE}/models", {"state": "ok", "model": "gpt-5.4*"})
    assert await market.ask() == 200


async def test_only_known_keys(market) -> None:
    """Control says whether unknown keys are accepted, and lists those that are known by their fingerprints."""
    await _enrol(market)
    await market.call("PUT", f"{ONE}/keys", {"accept_unknown": False})
    stranger = {**market.fake.headers, "authorization": "Bearer sk-proj-other"}
    assert [await market.ask(), await market.ask(headers=stranger)] == [200, 401]
    _, told, _ = await market.call("GET", f"{ONE}/keys")
    assert (told["count"], told["accept_unknown"]) == (3, False)
    assert [(each["organisation"], each["project"]) for each in told["keys"]] == [
        ("acme", "web"),
        ("acme", None),
        ("umbrella", None),
    ]
    assert b"sk-proj" not in orjson.dumps(told)


async def test_a_shared_limit_is_set_and_lifted(market) -> None:
    """A limit of an organisation is shared by its keys until it is lifted with the same words."""
    await _enrol(market)
    limit = {"requests_per_minute": 1, "organisation": "acme", "model": "gpt-*"}
    _, told, _ = await market.call("PUT", f"{ONE}/quota", limit)
    [rule] = told["rules"]
    assert (rule["level"], rule["whose"], rule["model"]) == ("organisation", "acme", "gpt-*")
    assert await _statuses(market) == [200, 429, 200]
    _, told, _ = await market.call("GET", f"{ONE}/quota")
    [meter] = told["meters"]
    assert (meter["level"], meter["whose"], meter["model"], meter["remaining"]) == ("organisation", "acme", "gpt-*", 0)
    whose = {"organisation": "acme", "model": "gpt-*"}
    assert (await market.call("POST", f"{ONE}/quota/lift", whose))[1] == {"lifted": True}
    assert (await market.call("POST", f"{ONE}/quota/lift", whose))[1] == {"lifted": False}
    assert await _statuses(market) == [200, 200, 200]


PROBLEMS: list[tuple[str, str, Any, int, str]] = [
    ("PUT", f"{ONE}/standing", {"state": "ok", "project": "p", "region": "r"}, 422, "one of them"),
    ("PUT", f"{ONE}/standing", {"state": "org_disabled", "details": {"variant": "none"}}, 422, "no variant 'none'"),
    ("PUT", f"{ONE}/standing", {"state": "ok", "key": "k", "spread_s": 1, "spread_to": ["planet"]}, 422, "/spread_to"),
    ("PUT", f"{ONE}/models", {"state": "model_retire", "model": "m"}, 422, "did you mean 'model_retired'"),
    ("PUT", f"{ONE}/models", {"state": "ok"}, 422, "/model"),
    ("PUT", f"{ONE}/regions", {"network": "here", "region": "XX"}, 422, "such as 127.0.0.2/32"),
    ("PUT", f"{ONE}/quota", {"ramp_factor": 1}, 422, "/ramp_factor"),
    ("PUT", f"{ONE}/quota", {"key": "k", "project": "p"}, 422, "name one of them"),
    ("PUT", f"{ONE}/keys", {}, 422, "/accept_unknown"),
    ("POST", f"{ONE}/keys", {"key": ""}, 422, "/key"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), PROBLEMS)
async def test_nonsense_is_a_problem_that_helps(market, method, path, body, status, words) -> None:
    """What makes no sense is refused before it changes anything, with words that say what to do."""
    got, problem, headers = await market.call(method, path, body)
    assert (got, headers["content-type"]) == (status, "application/problem+json")
    assert words in problem["detail"]
    assert await market.ask() == 200
