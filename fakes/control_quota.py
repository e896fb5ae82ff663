"""The control API's operations on limits and speed."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice

from .control_bodies import PAGE_MAX, Rule, Ruled
from .control_desk import Desk, Result, shown
from .control_latency import Latency, tell_pace


async def get_quota(desk: Desk, name: str, _: None) -> Result:
    """The limits, the level of each meter in use, and what was spent."""
    quota = desk.find(name).accounts.quota
    rules = [
        {
            "level": rule.level,
            "whose": shown(rule.level, rule.whose),
            "model": rule.model,
            "entry": rule.entry,
            **asdict(rule.limits),
        }
        for rule in quota.rules[:PAGE_MAX]
    ]
    meters = [{**each, "whose": shown(each["level"], each["whose"])} for each in islice(quota.levels(), PAGE_MAX)]
    spent = [
        {"level": level, "whose": shown(level, whose), "usd": usd, "month_usd": month_usd}
        for level, whose, usd, month_usd in islice(quota.spent(), PAGE_MAX)
    ]
    return 200, {"rules": rules, "meters": meters, "spent": spent}


async def put_quota(desk: Desk, name: str, body: Rule) -> Result:
    """Limit a key, a project or an organisation at a model; the meters that it concerns are full again."""
    desk.find(name).accounts.quota.set(body.limits(), **body.whose())
    return await get_quota(desk, name, None)


async def lift_quota(desk: Desk, name: str, body: Ruled) -> Result:
    """Take back the limits that were set with the same words."""
    return 200, {"lifted": desk.find(name).accounts.quota.lift(**body.whose())}


async def get_latency(desk: Desk, name: str, _: None) -> Result:
    """How fast answers come."""
    return 200, tell_pace(desk.find(name).tempo.pace)


async def put_latency(desk: Desk, name: str, body: Latency) -> Result:
    """Change how fast answers come; those under way keep their pace."""
    desk.find(name).tempo.pace = body.pace()
    return await get_latency(desk, name, None)
