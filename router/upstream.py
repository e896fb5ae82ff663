"""The HTTP client toward providers, how requests are sent by it, and what the failures of its connections mean."""

from __future__ import annotations

import httpx
from httpx_aiohttp import HttpxAiohttpClient

from .errors import AttemptFailed, Meaning, fail
from .provider import AttemptLimits
from .transport import ProviderClient, Transport

# Below the 5 s after which uvicorn, and many gateways, close an idle connection: a POST that meets a connection which
# is just being closed can't be told from one that was half done.
KEEPALIVE_S = 4.0
HEADERS = {
    "user-agent": "banstorm-router",
    "content-type": "application/json",
    # Compressed event streams arrive in lumps, and unpacking costs more than a data centre's network saves.
    "accept-encoding": "identity",
}
"""Headers of every request to a provider."""


def make_client(*, connections_max: int, connect_s: float, proxy_from_env: bool) -> httpx.AsyncClient:
    """A client for all providers.

    Args:
        connections_max: Connections at once; aiohttp's own default of 100 would queue calls without a word.
        connect_s: Limit for TCP and TLS, in seconds.
        proxy_from_env: Whether HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE are obeyed, which httpx's own client sees to.
    """
    if not proxy_from_env:
        return ProviderClient(Transport(connections_max=connections_max, keepalive_s=KEEPALIVE_S))
    return HttpxAiohttpClient(
        limits=httpx.Limits(max_connections=connections_max, keepalive_expiry=KEEPALIVE_S),
        timeout=httpx.Timeout(None, connect=connect_s),
        trust_env=True,
        follow_redirects=False,
    )


async def send(
    client: httpx.AsyncClient,
    method: str,
    url: httpx.URL,
    headers: httpx.Headers,
    content: bytes,
    limits: AttemptLimits,
    *,
    stream: bool,
) -> httpx.Response:
    """Send a request; the body of its answer is still to be read.

    Raises:
        AttemptFailed: No answer began.
    """
    # A plain answer is silent until it is complete, so only the core's own limit applies. A stream's socket limit
    # serves all of its waits; the core keeps the stricter ones, for the first token and between two.
    silence = max(limits.first_token_s, limits.between_tokens_s, limits.answer_s) if stream else None
    timeout = {"connect": limits.connect_s, "read": silence, "write": silence, "pool": limits.connect_s}
    # Given as a stream, the content isn't looked at again for headers that are known here.
    body = httpx.ByteStream(content)
    request = httpx.Request(method, url, headers=headers, stream=body, extensions={"timeout": timeout})
    if content or method != "GET":
        request.headers["content-length"] = str(len(content))
    # httpx-aiohttp would send what hasn't been read in chunks, even nothing.
    request.read()
    try:
        return await client.send(request, stream=True)
    except httpx.TransportError as error:
        raise transport_failure(error) from error


def transport_failure(error: httpx.TransportError) -> AttemptFailed:
    """What a failure below HTTP means: always transient, never the caller's."""
    # Through a proxy, aiohttp's "server disconnected" arrives as a ConnectTimeout, so the text decides.
    text = str(error) or type(error).__name__
    if "isconnected" in text or isinstance(error, httpx.ReadError | httpx.RemoteProtocolError):
        reason = "disconnected"
    elif isinstance(error, httpx.ReadTimeout):
        reason = "timeout_between_tokens"
    elif isinstance(error, httpx.TimeoutException):
        reason = "timeout_connect"
    else:
        reason = "connect"
    return fail(Meaning.TRANSIENT, reason, f"{type(error).__name__}: {text}")
