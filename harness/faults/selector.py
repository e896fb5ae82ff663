"""Which requests an entry means: its selectors, put together once, so that an attempt costs a few comparisons.

Some ask about the head alone. What they say holds for every request with that head, so whoever knows that it came
before need not ask them again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from ...fakes.dialects.base import Ask
    from ...scenarios.entry import Entry
    from .sender import Sender

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


HeadCheck = Callable[["Sender"], bool]
AskCheck = Callable[["Ask | None", int], bool]
"""Gets what is asked for, None if it could not be understood: then there is no model and no stream. And the number of
the attempt among the call's at the provider, from 1.
"""


class Selector(NamedTuple):
    """What must hold for a request that an entry means, cheapest first; both are empty if it means all of them."""

    head: tuple[HeadCheck, ...]
    ask: tuple[AskCheck, ...]


def selector_of(entry: Entry) -> Selector:
    """The selectors of an entry."""
    return Selector(_made(_OF_HEAD, entry), _made(_OF_ASK, entry))


def _made(checks: Mapping[str, Callable[..., Any]], entry: Entry) -> tuple[Any, ...]:
    values = ((make, getattr(entry, name)) for name, make in checks.items())
    return tuple(make(value) for make, value in values if value is not None)  # False is a selector: plain requests


def regions_of(headers: Mapping[str, str], path: str) -> set[str]:
    """The regions that a request names: in its signature, its path, or its host."""
    found = {match[1] for match in (_SIGNED.search(headers.get("authorization", "")), _LOCATION.search(path)) if match}
    if host := _HOST.match(headers.get("host", "").lower()):
        found.update(filter(None, host.groups()))
    return found


def _model(model: str) -> AskCheck:
    return lambda ask, _: ask is not None and ask.model == model


def _stream(stream: bool) -> AskCheck:  # noqa: FBT001 - a selector's value
    return lambda ask, _: ask is not None and ask.stream == stream


def _header(wanted: Mapping[str, str]) -> HeadCheck:
    patterns = [(name.lower(), _glob(text)) for name, text in wanted.items()]

    def check(sender: Sender) -> bool:
        return all(
            (value := sender.headers.get(name)) is not None and pattern.fullmatch(value) is not None
            for name, pattern in patterns
        )

    return check


def _glob(text: str) -> re.Pattern[str]:
    """The pattern of a text in which * stands for any text and ? for any sign; everything else means itself."""
    parts = {"*": ".*", "?": "."}
    collapsed = re.sub(r"\*+", "*", text)  # a run of them matches the same, and would be tried many ways
    return re.compile("".join(parts.get(sign, re.escape(sign)) for sign in collapsed), re.DOTALL)


_OF_HEAD: Final[dict[str, Callable[..., HeadCheck]]] = {
    "credential": lambda credential: lambda sender: sender.credential == credential,
    "path": lambda path: lambda sender: sender.path.startswith(path),
    "region": lambda region: lambda sender: region in regions_of(sender.headers, sender.path),
    "header": _header,
}
_OF_ASK: Final[dict[str, Callable[..., AskCheck]]] = {
    "attempt": lambda numbers: lambda _, number: number in numbers,
    "stream": _stream,
    "model": _model,
}
