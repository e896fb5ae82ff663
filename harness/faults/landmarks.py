"""What an event of a stream is for: content, the finish reason, the usage, the terminator. Read off its payload.

The vendors' streams differ in names and agree in this: content comes in pieces, then something says why it ended, what
was used, and that nothing follows. Seen in the vendors' API references and the streams that `fakes/dialects` writes.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from .tokens import SIGN, payload_of, speaks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...fakes.dialects.base import Dialect

_DONE: Final = b"[DONE]"
_OVER: Final = frozenset(
    {"message_stop", "message-end", "response.completed", "response.incomplete", "response.failed"}
)
"""Types of events that say that the answer is over: Anthropic's, Cohere's, OpenAI's of the Responses API."""


class Landmark(Enum):
    """What an event is for."""

    CONTENT = auto()
    LAST_CONTENT = auto()
    """Content that says itself why it ends, as Gemini's last chunk does."""
    FINISH = auto()
    USAGE = auto()
    TERMINATOR = auto()
    OTHER = auto()


def landmark(dialect: Dialect, event: bytes) -> Landmark:
    """What the event is for."""
    payload = payload_of(dialect, event)
    if not isinstance(payload, dict):
        over = _DONE in event or event.strip() == b"]"  # the end of Gemini's array
        return Landmark.TERMINATOR if over else Landmark.OTHER
    if payload.get("type") in _OVER or "metrics" in payload:  # Bedrock's metadata, which comes last
        return Landmark.TERMINATOR
    finishes = _finishes(payload)
    if SIGN in event or speaks(payload):
        return Landmark.LAST_CONTENT if finishes else Landmark.CONTENT
    if finishes:
        return Landmark.FINISH
    if isinstance(payload.get("usage"), dict):
        return Landmark.USAGE
    return Landmark.OTHER


def without_finish(dialect: Dialect, event: bytes) -> bytes:
    """The event without the reason why the answer ends."""

    def change(payload: Any) -> Any:
        if isinstance(payload, dict):
            for candidate in payload.get("candidates") or ():
                candidate.pop("finishReason", None)
            for choice in payload.get("choices") or ():
                choice["finish_reason"] = None
        return payload

    return dialect.map_event(event, change)


def _finishes(payload: Mapping[str, Any]) -> bool:
    delta = payload.get("delta")
    if "stopReason" in payload or (isinstance(delta, dict) and delta.get("stop_reason")):
        return True
    parts = [*(payload.get("choices") or ()), *(payload.get("candidates") or ())]
    return any(isinstance(each, dict) and (each.get("finish_reason") or each.get("finishReason")) for each in parts)
