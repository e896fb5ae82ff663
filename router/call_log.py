"""One JSON line a call: who served it, and why not somebody else. Never what was asked, never a key."""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson

from .observer import CallRecord, Observer


class CallLog(Observer):
    """Writes a line when a call ends.

    Args:
        write: Takes one line without its end.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def call_ended(self, record: CallRecord) -> None:
        """Writes the line."""
        line = {
            "at": round(time.time(), 3),
            "event": "call",
            "outcome": record.outcome,
            "caller": record.caller or None,
            "provider": record.provider or None,
            "model": record.model or None,
            "credential": record.credential or None,
            "why": record.why or None,
            "old_answer_of": record.old_answer_of or None,
            "stream": record.stream,
            "attempts": record.attempts_made,
            "duration_ms": round(record.duration_s * 1000, 2),
            "first_token_ms": None if record.first_token_s is None else round(record.first_token_s * 1000, 2),
            "waited_ms": round(record.waited_s * 1000, 2),
            "usd": round(record.usd, 9),
            # Not the messages: some providers repeat the prompt, or a part of the key, in them.
            "failed": [
                {
                    "provider": attempt.provider,
                    "reason": attempt.failure.reason,
                    "meaning": attempt.failure.meaning,
                    "status": attempt.failure.status or None,
                    "note": attempt.failure.note or None,
                }
                for attempt in record.attempts
            ],
            "not_asked": record.skipped,
            "notes": record.notes,
        }
        self._write(orjson.dumps(line).decode())
