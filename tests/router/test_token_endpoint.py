"""What a token endpoint's answers say about the refresh token that was sent."""

from __future__ import annotations

import logging

import httpx
import pytest
from banstorm.router import AttemptFailed, Meaning
from banstorm.router.access_tokens import AccessTokens
from banstorm.router.refresh_token import InMemory
from banstorm.router.renewal import Outcome
from banstorm.router.token_endpoint import TokenEndpoint


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx.Response(200, json={"access_token": "a", "refresh_token": "r", "expires_in": 60}), Outcome.OK),
        (httpx.Response(200, json={"access_token": "a"}), Outcome.OK),
        (httpx.Response(200, json={"refresh_token": "r"}), Outcome.LOST),
        (httpx.Response(200, text="<html>"), Outcome.LOST),
        (httpx.Response(504, text="gateway"), Outcome.LOST),
        (httpx.Response(524, text="gateway"), Outcome.LOST),
        (httpx.Response(502, text="<html>Bad gateway"), Outcome.LOST),
        (httpx.Response(502, json={"error": {"code": "cf_bad_gateway"}}), Outcome.LOST),
        (httpx.Response(520, text="gateway"), Outcome.LOST),
        (httpx.Response(500, text="<html>"), Outcome.LOST),
        (httpx.Response(500, json={}), Outcome.DOWN),
        (httpx.Response(521, text="gateway"), Outcome.DOWN),
        (httpx.Response(503, headers={"retry-after": "7"}), Outcome.DOWN),
        (httpx.Response(429, headers={"retry-after": "7"}), Outcome.DOWN),
        (httpx.Response(302), Outcome.DOWN),
        (httpx.Response(400, json={"error": "invalid_grant"}), Outcome.REFUSED),
        (httpx.Response(401, json={"error": {"code": "token_expired"}}), Outcome.REFUSED),
        (httpx.Response(401, json={"error": {"code": "refresh_token_reused"}}), Outcome.REUSED),
        (httpx.Response(403, text="no"), Outcome.REFUSED),
        (httpx.ConnectError("refused"), Outcome.DOWN),
        (httpx.ReadError("broken"), Outcome.LOST),
        (httpx.ReadTimeout("late"), Outcome.LOST),
    ],
    ids=str,
)
async def test_what_an_answer_says_about_the_token(answer, outcome):
    """Whether a token was exchanged: it was, it wasn't, nobody knows, or it is no good; and Retry-After is read."""

    def answered(_request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    endpoint = TokenEndpoint("http://x/token", httpx.AsyncClient(transport=httpx.MockTransport(answered)))
    granted = await endpoint.exchange("secret-refresh")
    assert (outcome, 7.0 if "retry-after" in getattr(answer, "headers", {}) else None) == (
        granted.outcome,
        granted.wait_s,
    )
    assert "secret" not in repr(granted)
    await endpoint.aclose()


@pytest.mark.parametrize("state", [Outcome.DOWN, Outcome.REFUSED, Outcome.REUSED, Outcome.LOST])
async def test_what_being_without_a_token_means(state, caplog):
    """A login that will be back is limited, one that needs somebody is a matter of the credential."""
    caplog.set_level(logging.WARNING)
    body = {"error": {"code": "refresh_token_reused"}} if state is Outcome.REUSED else {}
    status = {Outcome.DOWN: 503, Outcome.REFUSED: 400, Outcome.REUSED: 401, Outcome.LOST: 504}[state]
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, json=body))
    endpoint = TokenEndpoint("http://x/token", httpx.AsyncClient(transport=transport))
    tokens = AccessTokens(InMemory("r"), endpoint, name="x", clock=lambda: 0.0)
    with pytest.raises(AttemptFailed) as caught:
        await tokens.ready(1.0)
    meaning = Meaning.LIMITED if state is Outcome.DOWN else Meaning.CREDENTIAL
    assert (meaning, str(state)) == (caught.value.failure.meaning, caught.value.failure.reason)
    assert str(state) in caplog.text
    await tokens.aclose()
