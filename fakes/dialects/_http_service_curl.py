"""A service's examples as lines to paste into a shell."""

from __future__ import annotations

import shlex
from urllib.parse import quote, urlencode

import orjson

from ._http_service_model import Auth, Route


def curl(route: Route, auth: Auth, root: str) -> str | None:
    """A line that asks for the route's example at `root`, ``http://host:port``; None if it has none."""
    example = route.example
    if example is None:
        return None
    query = dict(example.query)
    words = ["curl", "-sS"]
    match auth.kind:
        case "bearer":
            words += ["-H", f"authorization: Bearer {auth.example}"]
        case "basic":
            words += ["-u", auth.example if ":" in auth.example else auth.example + ":"]
        case "header":
            words += ["-H", f"{auth.name}: {auth.example}"]
        case "query":
            query[auth.name or ""] = auth.example
    path = route.path
    for name in route.blanks:
        value = quote(example.path[name])
        path = path.replace(f"{{{name}*}}", value).replace(f"{{{name}}}", value)
    method = route.method
    if example.body is not None:
        words += ["-H", "content-type: application/json", "-d", orjson.dumps(example.body).decode()]
        method = "POST" if method == "ANY" else method
    if method not in {"ANY", "GET" if example.body is None else "POST"}:
        words += ["-X", method]
    return shlex.join([*words, root + path + (f"?{urlencode(query)}" if query else "")])
