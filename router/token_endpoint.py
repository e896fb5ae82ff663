"""A vendor's token endpoint: exchanges a refresh token, and says what came of it in the only terms that matter.

The request is the official Anthropic SDK's (2.10); OpenAI's login takes the same JSON.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from .errors import AttemptFailed
from .renewal import Outcome
from .response_body import read_whole
from .retry_after import read_retry_after
from .upstream import transport_failure

TOKEN_PATH = "/v1/oauth/token"  # noqa: S105 - an address
"""Where Anthropic has it, below the API's base URL."""
ANSWER_BYTES_MAX = 64 * 1024
EXCHANGE_S_MAX = 30.0
"""How long an answer is waited for, in seconds, as the SDK does: giving up early is what loses rotations."""
LIFE_S = 3600.0
"""How long an access token lives if nobody says, in seconds: the SDK's default."""
RETRY_AFTER_S_MAX = 300.0
OAUTH_BETA = "oauth-2025-04-20"
_IN_DOUBT = frozenset({408, 499, 502, 504, 520, 524})
"""Answers of somebody in between who has none from the endpoint, or couldn't read it. It may have exchanged the token
all the same. A 503 is a refusal, and a 500 in JSON is the endpoint's own word that it failed; a 500 that is a page may
be anybody's."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What an exchange brought.

    Attributes:
        outcome: What came of it.
        access: The new access token.
        following: The next refresh token, None if the old one stays good.
        life_s: How long the access token lives, in seconds.
        wait_s: How long to leave the endpoint alone, if it says so, in seconds.
        detail: The status, or what broke; never a token, nor the endpoint's words, which may repeat one.
    """

    outcome: Outcome
    access: str = field(default="", repr=False)
    following: str | None = field(default=None, repr=False)
    life_s: float = LIFE_S
    wait_s: float | None = None
    detail: str = ""


class TokenEndpoint:
    """Exchanges refresh tokens.

    Args:
        url: Where it is.
        client: With connections that nothing else uses: a pooled one that is just being closed would look like an
            exchange without an answer. It is closed with the endpoint.
        client_id: Sent along, if there is one.
        scope: The same.
    """

    def __init__(
        self, url: str, client: httpx.AsyncClient, *, client_id: str | None = None, scope: str | None = None
    ) -> None:
        self._url, self._client = httpx.URL(url), client
        self._more = {name: value for name, value in (("client_id", client_id), ("scope", scope)) if value}

    async def exchange(self, token: str) -> Granted:
        """Exchange a refresh token; whatever happens is an outcome."""
        body = orjson.dumps({"grant_type": "refresh_token", "refresh_token": token, **self._more})
        headers = {"content-type": "application/json", "anthropic-beta": OAUTH_BETA, "connection": "close"}
        request = httpx.Request("POST", self._url, headers=headers, content=body)
        try:
            async with asyncio.timeout(EXCHANGE_S_MAX):
                response = await self._client.send(request, stream=True)
                return _read(response, await read_whole(response, ANSWER_BYTES_MAX))
        except httpx.TransportError as error:
            reason = transport_failure(error).failure.reason
            unsent = reason in {"connect", "timeout_connect"}
            return Granted(Outcome.DOWN if unsent else Outcome.LOST, detail=reason)
        except TimeoutError:
            return Granted(Outcome.LOST, detail=f"no answer within {EXCHANGE_S_MAX:g} s")
        except AttemptFailed as error:
            return Granted(Outcome.LOST, detail=error.failure.reason)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _read(response: httpx.Response, content: bytes) -> Granted:
    status = response.status_code
    try:
        said: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        said = None
    told = f"HTTP {status}"
    if status == 200:
        return _granted(said) if isinstance(said, dict) else Granted(Outcome.LOST, detail=f"{told} that is not JSON")
    if status in _IN_DOUBT or (status == 500 and not isinstance(said, dict)):
        return Granted(Outcome.LOST, detail=told)
    if status == 429 or not 400 <= status < 500:
        wait = read_retry_after(response.headers, "", now_s=time.time(), max_s=RETRY_AFTER_S_MAX)
        return Granted(Outcome.DOWN, wait_s=wait.seconds, detail=told)
    error = said.get("error") if isinstance(said, dict) else None
    code = error.get("code") if isinstance(error, dict) else error
    return Granted(Outcome.REUSED if code == "refresh_token_reused" else Outcome.REFUSED, detail=told)


def _granted(said: dict[str, Any]) -> Granted:
    access, following, life = said.get("access_token"), said.get("refresh_token"), said.get("expires_in", LIFE_S)
    if not isinstance(access, str) or not access:
        return Granted(Outcome.LOST, detail="HTTP 200 without access_token")
    life_s = float(life) if isinstance(life, int | float) and not isinstance(life, bool) and life > 0 else LIFE_S
    return Granted(Outcome.OK, access, following if isinstance(following, str) and following else None, life_s)
