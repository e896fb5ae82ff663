"""The control API's operations on OAuth: logins, grants, the token endpoint, third parties' clients."""

from __future__ import annotations

from typing import Any

from .control_bodies import PAGE_MAX, Login, Revocation, ThirdParty, TokenEndpoint
from .control_desk import Desk, Problem, Result, fingerprint, told
from .oauth import GrantRefusedError


async def post_login(desk: Desk, name: str, body: Login) -> Result:
    """Log in: an access token and a refresh token, for the provider's token endpoint."""
    tokens = desk.grants(name).login(
        body.organisation,
        body.project,
        access=body.access_token,
        refresh=body.refresh_token,
        access_s=body.expires_in_s,
    )
    return 201, {
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "expires_in": tokens.expires_in_s,
    }


async def get_grants(desk: Desk, name: str, _: None) -> Result:
    """The grants, and whether the token endpoint is up."""
    grants, now_s = desk.grants(name), desk.find(name).accounts.clock()
    every = list(grants.all())
    listed = [
        {
            "number": grant.number,
            "organisation": grant.organisation,
            "project": grant.project,
            "federated": grant.federated,
            "revoked": grant.revoked,
            "issued": grant.issued,
            "access_tokens": [fingerprint(token) for token in grant.access],
            "refresh_expires_in_s": None if grant.federated else grant.expires_s - now_s,
        }
        for grant in every[:PAGE_MAX]
    ]
    state = "up" if grants.outage() is None else "down"
    return 200, {"token_endpoint": state, "count": len(every), "grants": listed}


async def revoke_grants(desk: Desk, name: str, body: Revocation) -> Result:
    """Revoke grants: their tokens, refresh and access alike, stop working."""
    try:
        revoked = desk.grants(name).revoke(
            body.token, number=body.number, organisation=body.organisation, settle_s=body.settle_s
        )
    except GrantRefusedError as error:
        raise Problem(404, "unknown-grant", "there is no such grant", "GET the provider's grants lists them") from error
    return 200, {"revoked": revoked}


async def put_token_endpoint(desk: Desk, name: str, body: TokenEndpoint) -> Result:
    """Take the token endpoint down, or bring it up, while access tokens go on working."""
    grants = desk.grants(name)
    if body.state == "down":
        grants.fail(body.status, in_s=body.in_s, for_s=body.for_s)
    else:
        grants.mend(in_s=body.in_s, for_s=body.for_s)
    return await get_grants(desk, name, None)


async def get_third_parties(desk: Desk, name: str, _: None) -> Result:
    """Each change of third parties' standing."""
    accounts = desk.find(name).accounts
    changes = []
    for change, mark in accounts.subscriptions.changes():
        allow, block = (None if each is None else each.pattern for each in (mark.allow, mark.block))
        changes.append({**told(change, accounts.clock()), "allow": allow, "block": block})
    return 200, {"changes": changes}


async def put_third_parties(desk: Desk, name: str, body: ThirdParty) -> Result:
    """Refuse third parties' clients that use a subscription's tokens, told by their system prompts, or let them in."""
    provider = desk.find(name)
    provider.check(body.state, body.details)
    when: Any = body.when()
    provider.accounts.change_third_party(body.state, allow=body.allow, block=body.block, **when)
    return await get_third_parties(desk, name, None)
