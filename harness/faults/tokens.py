"""The tokens of an answer, as faults count them: in a stream's event, and in a plain body.

Each word of an answer to a marked prompt carries one sign. Other answers carry none: an event of theirs with content
is one token, as the fakes write them, and a word between blanks is one in a plain body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect

SIGN: Final = b"~"
_SPOKEN: Final = frozenset({"arguments", "content", "delta", "input", "partial_json", "text"})
"""Keys whose texts are content, over all vendors."""
_SILENT: Final = ("citations", "reasoning", "thinking", "usage")
"""Keys that begin so hold no content, whatever is in them."""


def payload_of(dialect: Dialect, event: bytes) -> Any:
    """The JSON payload of an event; None if it has none."""
    found: list[Any] = []

    def look(payload: Any) -> Any:
        found.append(payload)
        return payload

    dialect.map_event(event, look)
    return found[0] if found else None


def in_event(dialect: Dialect, event: bytes) -> int:
    """The tokens that an event of a stream carries."""
    return event.count(SIGN) or int(speaks(payload_of(dialect, event)))


def in_body(body: bytes) -> int:
    """The tokens of a plain body."""
    return body.count(SIGN) or body.count(b" ") + 1


def after(body: bytes, tokens: int) -> int | None:
    """Where in a plain body the word stands that follows so many; None if there are not more."""
    sign = SIGN if SIGN in body else b" "
    at = -1
    for _ in range(tokens + (sign is SIGN)):
        at = body.find(sign, at + 1)
        if at < 0:
            return None
    return at if sign is SIGN else at + 1


def speaks(payload: Any) -> bool:
    """Whether an event with this payload carries content, whatever that says."""
    if isinstance(payload, list):
        return any(speaks(each) for each in payload)
    if not isinstance(payload, dict) or payload.get("thought") is True:  # Gemini's thoughts are texts with this
        return False
    kind = payload.get("type")
    if isinstance(kind, str) and kind.startswith("response.") and (not kind.endswith("delta") or "reasoning" in kind):
        return False  # OpenAI's Responses API says all of it once more in the end
    if payload.get("args"):  # Gemini's calls of tools come whole
        return True
    return any(
        (isinstance(value, str) and value != "" and key in _SPOKEN) or (not key.startswith(_SILENT) and speaks(value))
        for key, value in payload.items()
    )
