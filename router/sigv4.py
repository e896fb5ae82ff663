"""AWS signature version 4, for requests whose body is known: one file, checked against AWS's published vectors."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

import httpx

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """A pair of keys, with the token of a session if they are temporary."""

    access: str
    secret: str
    session: str = ""

    def __repr__(self) -> str:
        return "Keys(…)"


def sign(
    keys: Keys,
    *,
    method: str,
    url: httpx.URL,
    headers: dict[str, str],
    content: bytes,
    region: str,
    service: str,
    now_s: float,
) -> dict[str, str]:
    """The headers that a signed request carries beside its own.

    Args:
        keys: Whose request it is.
        method: HTTP method.
        url: Where it goes; its path as it is sent, already encoded once.
        headers: Headers to sign, with lower-case names; `host` and the date are added.
        content: The body.
        region: As `us-east-1`.
        service: As `bedrock`.
        now_s: Wall-clock time as a Unix timestamp. AWS refuses what is five minutes off.
    """
    stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": stamp}
    if keys.session:
        added["x-amz-security-token"] = keys.session
    signed = {**headers, **added, "host": url.netloc.decode("ascii")}
    names = sorted(signed)
    path, _, query = url.raw_path.decode("ascii").partition("?")
    canonical = "\n".join(
        [
            method,
            # Once more: every service but S3 signs the encoded path encoded again.
            quote(path or "/", safe="/~-_."),
            "&".join(sorted(query.split("&"))) if query else "",
            *(f"{name}:{' '.join(signed[name].split())}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(content).hexdigest(),
        ]
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(_key(keys, stamp[:8], region, service), to_sign.encode(), hashlib.sha256).hexdigest()
    added["authorization"] = (
        f"{ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return added


@lru_cache(maxsize=64)
def _key(keys: Keys, day: str, region: str, service: str) -> bytes:
    """The key of a day; four hashes that need not be made again for each request."""
    key = f"AWS4{keys.secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
