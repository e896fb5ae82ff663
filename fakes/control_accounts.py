"""The control API's operations on customers: standing, models, regions, keys."""

from __future__ import annotations

from itertools import islice
from typing import Any

from .account import DEFAULT_ORGANISATION
from .control_bodies import PAGE_MAX, Known, ModelStanding, Placed, Standing, Whom
from .control_desk import Desk, Result, fingerprint, shown, told


async def list_providers(desk: Desk, _: str, __: None) -> Result:
    """The providers, their addresses and the failures that they have."""
    return 200, {
        name: {
            "dialect": each.dialect.name,
            "url": each.url,
            "failures": sorted(each.dialect.failures),
            "oauth": each.grants is not None,
            "accept_unknown": each.accounts.accept_unknown,
        }
        for name, each in desk.providers.items()
    }


async def get_standing(desk: Desk, name: str, _: None) -> Result:
    """How everyone stands, and each change that was made."""
    accounts = desk.find(name).accounts
    now_s = accounts.clock()
    changes = [
        {**told(change, now_s), "level": level, "whose": shown(level, whose)}
        for level, whose, change in islice(accounts.changes(), PAGE_MAX)
    ]
    return 200, {"everyone": accounts.standing(), "changes": changes}


async def put_standing(desk: Desk, name: str, body: Standing) -> Result:
    """Change a standing, now or at a moment; answers how it stands now."""
    provider = desk.find(name)
    provider.check(body.state, body.details)
    when: Any = body.when()
    provider.accounts.change(body.state, **body.whom(), spread_s=body.spread_s, spread_to=body.spread_to, **when)
    return 200, {"state": provider.accounts.standing(**body.whom())}


async def delete_standing(desk: Desk, name: str, _: None) -> Result:
    """Lift every change of standing, of models and third parties too; OAuth tokens stay expired or revoked."""
    accounts = desk.find(name).accounts
    accounts.reinstate()
    return 200, {"state": accounts.standing()}


async def get_models(desk: Desk, name: str, _: None) -> Result:
    """Each change of a model's standing."""
    accounts = desk.find(name).accounts
    now_s = accounts.clock()
    changes = [
        {**told(change, now_s), "model": model, "organisation": organisation}
        for organisation, model, change in islice(accounts.model_changes(), PAGE_MAX)
    ]
    return 200, {"changes": changes}


async def put_model(desk: Desk, name: str, body: ModelStanding) -> Result:
    """Retire a model, or change its standing otherwise, now or at a moment."""
    provider = desk.find(name)
    provider.check(body.state, body.details)
    when: Any = body.when()
    provider.accounts.change_model(body.state, body.model, organisation=body.organisation, **when)
    return await get_models(desk, name, None)


async def get_regions(desk: Desk, name: str, _: None) -> Result:
    """The region of each network that was placed."""
    return 200, desk.find(name).accounts.regions.placed()


async def put_region(desk: Desk, name: str, body: Placed) -> Result:
    """Put a network into a region."""
    desk.find(name).accounts.place(body.network, body.region)
    return await get_regions(desk, name, None)


async def get_keys(desk: Desk, name: str, _: None) -> Result:
    """The enrolled keys, and whether others are accepted."""
    accounts = desk.find(name).accounts
    members = list(accounts.members())
    keys = [
        {
            "key": fingerprint(key),
            "organisation": member.organisation or DEFAULT_ORGANISATION,
            "project": member.project,
            "oauth": member.owner is not None,
        }
        for key, member in members[:PAGE_MAX]
    ]
    return 200, {"accept_unknown": accounts.accept_unknown, "count": len(members), "keys": keys}


async def post_key(desk: Desk, name: str, body: Whom) -> Result:
    """Enrol a key in an organisation and a project."""
    accounts = desk.find(name).accounts
    accounts.enrol(body.key, body.organisation, body.project)
    told_ = {"key": fingerprint(body.key), "organisation": accounts.organisation_of(body.key)}
    return 201, {**told_, "project": body.project, "oauth": False}


async def put_keys(desk: Desk, name: str, body: Known) -> Result:
    """Accept keys that were never enrolled, or refuse them as bad ones."""
    desk.find(name).accounts.accept_unknown = body.accept_unknown
    return await get_keys(desk, name, None)
