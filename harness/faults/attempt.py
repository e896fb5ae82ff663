"""What is written down about one attempt, while it goes on and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ...reports.tables import Attempt
from ..ledger import EVIDENCE_BYTES_MAX

TOKEN_SIGN: Final = b"~"
"""Every watermark word has exactly one, so whoever counts them in the bytes that went by knows the tokens."""


@dataclass(slots=True)
class AttemptRecord:
    """An attempt's row in the making. The host reports what goes by; `row` is called once, at the end."""

    attempt: str
    call: int | None
    provider: str
    credential: str | None  # fingerprint
    model: str | None
    stream: bool | None
    path: str
    received_ns: int
    client_retry: int | None
    keep: bool = False
    """Whether what is delivered is evidence: an entry may bite it, or its status is an error."""
    first_byte_ns: int | None = None
    status: int | None = None
    reached: bool = False
    delivered_tokens: int = 0
    fault_ids: list[str] = field(default_factory=list)
    matched_ids: list[str] = field(default_factory=list)
    """Entries whose window was open and whose selectors meant the attempt."""
    _kept: bytes = b""

    def head(self, status: int, at_ns: int) -> None:
        """The response's head goes to the router."""
        self.status = status
        self.first_byte_ns = at_ns
        if status >= 400:
            self.keep = True

    def deliver(self, data: bytes) -> None:
        """Some of the response's body goes to the router."""
        self.delivered_tokens += data.count(TOKEN_SIGN)
        if self.keep and (room := EVIDENCE_BYTES_MAX - len(self._kept)) > 0:
            self._kept += data[:room]

    @property
    def is_error(self) -> bool:
        """Whether the router got an error status."""
        return self.status is not None and self.status >= 400

    @property
    def evidence(self) -> bytes:
        """The start of what was delivered, if the attempt is worth a second look; else nothing."""
        return self._kept if self.fault_ids or self.is_error else b""

    def row(self, ended_ns: int, ended_by: str, evidence: str | None) -> Attempt:
        """The finished row. `evidence` is what the ledger made of `evidence`."""
        return {
            "attempt": self.attempt,
            "call": self.call,
            "provider": self.provider,
            "credential": self.credential,
            "model": self.model,
            "stream": self.stream,
            "path": self.path,
            "received_ns": self.received_ns,
            "first_byte_ns": self.first_byte_ns,
            "ended_ns": ended_ns,
            "status": self.status,
            "fault": "+".join(self.fault_ids) or None,
            "reached": self.reached,
            "ended_by": ended_by,
            "delivered_tokens": self.delivered_tokens,
            "matched": "+".join(self.matched_ids) or None,
            "client_retry": self.client_retry,
            "evidence": evidence,
        }
