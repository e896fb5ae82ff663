"""The HTML that stands before a vendor's API: Cloudflare's plain gateway pages and its big branded error pages.

SDKs expect JSON and get a page; routers match on words in it. Seen in chatgpt-telegram-bot#637,
n8n-io/n8n#18275 and BerriAI/litellm#796; names of the 52x statuses: Cloudflare's documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from . import _ids
from .base import Headers, Reply, UnknownFailureError

GATEWAY: Final[Mapping[int, str]] = MappingProxyType(
    {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
)
"""Statuses of the plain page, and what they are called."""
EDGE: Final[Mapping[int, str]] = MappingProxyType(
    {
        500: "Internal server error",
        520: "Web server is returning an unknown error",
        521: "Web server is down",
        522: "Connection timed out",
        523: "Origin is unreachable",
        524: "A timeout occurred",
        525: "SSL handshake failed",
        526: "Invalid SSL certificate",
        530: "Origin DNS error",
    }
)
"""Statuses of the branded page, and what they are called."""


def gateway_page(details: Mapping[str, Any], id_seed: int) -> Reply:
    """The plain page of a gateway; `status` is one of `GATEWAY`, 502 if not given.

    Raises:
        UnknownFailureError: when there is no such page.
    """
    status, name = _chosen(details, GATEWAY, 502)
    title = f"{status} {name}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
    )
    return _page(status, page, "text/html", id_seed)


def edge_page(host: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The branded page for `host`; `status` is one of `EDGE`, 520 if not given.

    Raises:
        UnknownFailureError: when there is no such page.
    """
    status, name = _chosen(details, EDGE, 520)
    page = f"""<!DOCTYPE html>
<html class="no-js" lang="en-US">
<head>
<title>{host} | {status}: {name}</title>
<meta charset="UTF-8" />
<meta name="robots" content="noindex, nofollow" />
</head>
<body>
<div id="cf-wrapper"><div id="cf-error-details">
<h1><span>{name}</span> <span>Error code {status}</span></h1>
<div>Visit <a href="https://www.cloudflare.com/5xx-error-landing?utm_source=errorcode_{status}&utm_campaign={host}" \
target="_blank" rel="noopener noreferrer">cloudflare.com</a> for more information.</div>
<span>Cloudflare Ray ID: <strong>{_ids.hexadecimal(id_seed, "ray", 16)}</strong></span>
</div></div>
</body>
</html>
"""
    return _page(status, page, "text/html; charset=UTF-8", id_seed)


def blocked_page(host: str, id_seed: int) -> Reply:
    """The page of status 403 that a request gets whose address or country the edge does not let in.

    Seen in lobehub/lobehub#2147.
    """
    page = f"""<!DOCTYPE html>
<html class="no-js" lang="en-US">
<head>
<title>Attention Required! | Cloudflare</title>
<meta charset="UTF-8" />
<meta name="robots" content="noindex, nofollow" />
</head>
<body>
<div id="cf-wrapper"><div id="cf-error-details">
<h1 data-translate="block_headline">Sorry, you have been blocked</h1>
<h2><span data-translate="unable_to_access">You are unable to access</span> {host}</h2>
<span>Cloudflare Ray ID: <strong>{_ids.hexadecimal(id_seed, "ray", 16)}</strong></span>
</div></div>
</body>
</html>
"""
    return _page(403, page, "text/html; charset=UTF-8", id_seed)


def page(kind: str, host: str, details: Mapping[str, Any], id_seed: int) -> Reply | None:
    """The page that the failure `kind` is, None if it is none."""
    if kind == "bad_gateway_page":
        return gateway_page(details, id_seed)
    return edge_page(host, details, id_seed) if kind == "edge_page" else None


def _chosen(details: Mapping[str, Any], pages: Mapping[int, str], usual: int) -> tuple[int, str]:
    text = str(details.get("status", usual))
    status = int(text) if text.isdecimal() else 0
    if status not in pages:
        raise UnknownFailureError(f"there is no page for status {text!r}; there is {', '.join(map(str, pages))}")
    return status, pages[status]


def _page(status: int, page: str, content_type: str, id_seed: int) -> Reply:
    body = page.encode()
    headers: Headers = [
        ("content-type", content_type),
        ("content-length", str(len(body))),
        ("cache-control", "private, max-age=0, no-store, no-cache, must-revalidate, post-check=0, pre-check=0"),
        ("server", "cloudflare"),
        ("cf-ray", _ids.hexadecimal(id_seed, "ray", 16) + "-FRA"),
    ]
    return Reply(status, headers, body)
