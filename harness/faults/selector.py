"""Which requests an entry means: its selectors, put together once, so that an attempt costs a few comparisons."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ...fakes.dialects.base import Ask
    from ...scenarios.entry import Entry

# AWS Signature Version 4: Credential=<key>/<date>/<region>/<service>/aws4_request
_SIGNED: Final = re.compile(r"Credential=[^/,\s]+/\d{8}/([^/,\s]+)/")
# Vertex AI: /v1/projects/<project>/locations/<region>/publishers/…
_LOCATION: Final = re.compile(r"/locations/([^/]+)/")
# bedrock-runtime.<region>.amazonaws.com, <region>-aiplatform.googleapis.com, <region>.api.cognitive.microsoft.com
_HOST: Final = re.compile(
    r"^(?:bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com"
    r"|([a-z0-9-]+)-aiplatform\.googleapis\.com"
    r"|([a-z0-9-]+)\.api\.cognitive\.microsoft\.com)(?::\d+)?$"
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as selectors see it. One that could not be understood has no `ask`: no model and no stream.

    `headers` have lower-case names, `path` has no query, `number` counts the call's attempts at the provider from 1.
    """

    ask: Ask | None
    credential: str | None
    path: str
    headers: Mapping[str, str]
    number: int


Check = Callable[[Incoming], bool]


def selector_of(entry: Entry) -> tuple[Check, ...]:
    """What must hold for a request that the entry means, cheapest first; empty if it means all of them."""
    found = [
        make(value)
        for name, make in _CHECKS.items()
        if (value := getattr(entry, name)) is not None  # False is a selector: plain requests
    ]
    return tuple(found)


def regions_of(headers: Mapping[str, str], path: str) -> set[str]:
    """The regions that a request names: in its signature, its path, or its host."""
    found = {match[1] for match in (_SIGNED.search(headers.get("authorization", "")), _LOCATION.search(path)) if match}
    if host := _HOST.match(headers.get("host", "").lower()):
        found.update(filter(None, host.groups()))
    return found


def _model(model: str) -> Check:
    return lambda request: request.ask is not None and request.ask.model == model


def _stream(stream: bool) -> Check:  # noqa: FBT001 - a selector's value
    return lambda request: request.ask is not None and request.ask.stream == stream


def _header(wanted: Mapping[str, str]) -> Check:
    patterns = [(name.lower(), _glob(text)) for name, text in wanted.items()]

    def check(request: Incoming) -> bool:
        return all(
            (value := request.headers.get(name)) is not None and pattern.fullmatch(value) is not None
            for name, pattern in patterns
        )

    return check


def _glob(text: str) -> re.Pattern[str]:
    """The pattern of a text in which * stands for any text and ? for any sign; everything else means itself."""
    parts = {"*": ".*", "?": "."}
    collapsed = re.sub(r"\*+", "*", text)  # a run of them matches the same, and would be tried many ways
    return re.compile("".join(parts.get(sign, re.escape(sign)) for sign in collapsed), re.DOTALL)


_CHECKS: Final[dict[str, Callable[..., Check]]] = {
    "attempt": lambda numbers: lambda request: request.number in numbers,
    "stream": _stream,
    "model": _model,
    "credential": lambda credential: lambda request: request.credential == credential,
    "path": lambda path: lambda request: request.path.startswith(path),
    "region": lambda region: lambda request: region in regions_of(request.headers, request.path),
    "header": _header,
}
