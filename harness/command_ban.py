"""What `banstorm ban` and `banstorm unban` do: calls to the control API of a running `banstorm serve`."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ..scenarios.units import parse_duration
from .errors import HarnessError

URL_VARIABLE: Final = "BANSTORM_CONTROL_URL"
TOKEN_VARIABLE: Final = "BANSTORM_CONTROL_TOKEN"  # noqa: S105 - the variable's name
TIMEOUT_S: Final = 10.0
"""Longest wait for an answer."""
ANSWER_BYTES_MAX: Final = 1024 * 1024
"""Largest answer that is read."""


def ban(provider: str, kind: str, *, for_: str | None = None, in_: str | None = None, **whom: str | None) -> str:
    """Change a standing; what to print.

    Args:
        provider: The provider's name.
        kind: A failure kind of the vendor.
        for_: How long, as ``30s``; until it is lifted unless given.
        in_: When it begins, as ``5s``; at once unless given.
        whom: The `key`, `project`, `organisation` or `region`; everyone if none is given.

    Raises:
        HarnessError: when there is no control API, or it refuses.
    """
    body: dict[str, Any] = {"state": kind, **{level: name for level, name in whom.items() if name is not None}}
    for field, text, option in (("for_s", for_, "--for"), ("in_s", in_, "--in")):
        if text is not None:
            body[field] = _seconds(text, option)
    _call("PUT", _standing(provider), body)
    lasting = "" if for_ is None else f" for {for_}"
    return f"{provider}: {kind}{lasting}{'' if in_ is None else f', in {in_}'}; lift it with: banstorm unban {provider}"


def kinds(provider: str) -> str:
    """The failures that a provider has, one a line.

    Raises:
        HarnessError: when there is no control API, it refuses, or it has no such provider.
    """
    told = _call("GET", "/v1/providers", None)
    if not isinstance(told, dict) or provider not in told:
        names = ", ".join(told) if isinstance(told, dict) else "none"
        raise HarnessError(f"there is no provider {provider!r}", f"{_known()[0]}/v1/providers", f"there are {names}")
    return "\n".join(told[provider]["failures"])


def unban(provider: str) -> str:
    """Lift every change of standing at a provider; what to print.

    Raises:
        HarnessError: when there is no control API, or it refuses.
    """
    _call("DELETE", _standing(provider), None)
    return f"{provider}: everyone is in good standing"


def _seconds(text: str, option: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise HarnessError(str(error), option, "write it as 30s, 1.5m or 250ms") from error


def _standing(provider: str) -> str:
    return f"/v1/providers/{quote(provider, safe='')}/standing"


def _call(method: str, path: str, body: Any) -> Any:
    """What the control API answers, None if that is no JSON."""
    base, token = _known()
    url = base + path
    bearer = f"Bearer {token}".encode().decode("latin-1")  # UTF-8 on the wire, whatever letters it has
    request = urllib.request.Request(  # noqa: S310 - an http URL on loopback, as checked
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"authorization": bearer, "content-type": "application/json"},
    )
    # no proxy of the environment's: it couldn't reach this machine's loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            raw = answer.read(ANSWER_BYTES_MAX)
    except urllib.error.HTTPError as error:
        what, advice = _problem(error.read(ANSWER_BYTES_MAX), error.code)
        raise HarnessError(what, url, advice) from error
    except (OSError, http.client.HTTPException) as error:  # nobody is there, or somebody who speaks no HTTP
        reason = getattr(error, "reason", error)
        advice = f"start `banstorm serve`, and paste what it prints: {URL_VARIABLE} has the address"
        raise HarnessError(f"the control API doesn't answer: {reason}", url, advice) from error
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _known() -> tuple[str, str]:
    """The control API's address and token."""
    for variable in (URL_VARIABLE, TOKEN_VARIABLE):
        if not os.environ.get(variable):
            raise HarnessError(
                f"{variable} is not set", "the environment", "start `banstorm serve`, and paste what it prints"
            )
    base = os.environ[URL_VARIABLE].rstrip("/")
    try:
        parts = urlsplit(base)
        local = parts.scheme == "http" and _is_loopback(parts.hostname or "") and parts.port != 0
    except ValueError:
        local = False
    if not local:
        raise HarnessError(
            f"{base!r} is no control API on this machine", URL_VARIABLE, "use the address that `banstorm serve` prints"
        )
    token = os.environ[TOKEN_VARIABLE]
    if not token.isprintable():
        raise HarnessError(
            "the token has a line end or another control character in it",
            TOKEN_VARIABLE,
            "use the token that `banstorm serve` prints",
        )
    return base, token


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _problem(raw: bytes, status: int) -> tuple[str, str]:
    """What an answer says is wrong, and what to do (RFC 9457)."""
    try:
        problem = json.loads(raw)
        kind, title, detail = (str(problem[name]) for name in ("type", "title", "detail"))
    except (ValueError, TypeError, KeyError):
        return f"it answers with status {status}", f"see that {URL_VARIABLE} is the control API's address"
    if kind == "urn:banstorm:unauthorized":
        return "the token isn't this control API's", f"paste what `banstorm serve` prints: {TOKEN_VARIABLE} has it"
    if kind == "urn:banstorm:invalid" and ": " in detail and not detail.startswith("/"):
        title, _, detail = detail.partition(": ")
    return title, detail
