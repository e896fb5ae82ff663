"""Everything the router raises.

```
RuntimeError
└── RouterError                 anything this package raises on purpose
    ├── ConfigError             the configuration can't be used; three lines: what, where, what next
    ├── AttemptFailed           one attempt at one provider failed; carries a `Failure`
    ├── RequestRejected         the caller's own fault: returned at once, moves nothing
    ├── AllProvidersExhausted   no provider could answer; carries every attempt's reason
    └── StreamInterrupted       a stream broke after its first token had reached the caller
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .refusal import redact

MESSAGE_CHARS_MAX = 300


class Meaning(StrEnum):
    """What a failed attempt says about the provider, the credential, the model or the request."""

    ACCOUNT = "account"
    """Permanent for the account: disabled, out of money, not welcome. Waiting doesn't help; it is still probed."""
    CREDENTIAL = "credential"
    """Permanent for this key or token: wrong, revoked, expired. Nothing is deleted; it is still probed."""
    MODEL = "model"
    """Permanent for this model at this provider: unknown, retired, no access."""
    REQUEST = "request"
    """The caller's own fault: any provider would refuse. Returned at once."""
    UNFIT = "unfit"
    """This provider can't serve this one request, another might. Says nothing about the provider's health."""
    LIMITED = "limited"
    """Too much for now: serve elsewhere until a time."""
    TRANSIENT = "transient"
    """Overloaded, broken, unreachable or slow: may work the next time."""
    DRIFTED = "drifted"
    """It answered, but not in the format that was agreed."""


PERMANENT = frozenset({Meaning.ACCOUNT, Meaning.CREDENTIAL, Meaning.MODEL})
ACCIDENTS = frozenset({Meaning.TRANSIENT, Meaning.DRIFTED})
REFUSALS = PERMANENT | {Meaning.LIMITED, Meaning.UNFIT}
"""The provider said no, at once and before any work: asking somebody else takes no time and repeats nothing."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one attempt failed.

    Attributes:
        meaning: What it says, the router's only ground for acting on it.
        reason: A short name from a fixed set (`org_disabled`, `rate_limited`, …), safe as a metric label.
        message: The provider's words, cut to 300 characters, without secrets.
        status: HTTP status, 0 if there was none.
        retry_after_s: Seconds to stay away, if the provider said so.
        note: What was odd and how it was read (`retry-after 99999999 s capped at 60 s`).
        body: The provider's error object, kept only for failures that go back to the caller.
    """

    meaning: Meaning
    reason: str
    message: str = ""
    status: int = 0
    retry_after_s: float | None = None
    note: str = ""
    body: Any = None

    def __str__(self) -> str:
        status = f"HTTP {self.status}, " if self.status else ""
        note = f" ({self.note})" if self.note else ""
        return f"{self.reason} [{status}{self.meaning}]: {self.message}{note}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one provider that didn't work: who, and why."""

    provider: str
    failure: Failure

    def __str__(self) -> str:
        return f"{self.provider}: {self.failure}"


class RouterError(RuntimeError):
    """Base of everything this package raises on purpose."""


class ConfigError(RouterError):
    """The configuration can't be used.

    Args:
        what: What is wrong.
        where: The file with its line, or the place in the document.
        hint: What to do next.
    """

    def __init__(self, what: str, where: str, hint: str) -> None:
        super().__init__(f"{what}\n  at: {where}\n  next: {hint}")
        self.what, self.where, self.hint = what, where, hint


class AttemptFailed(RouterError):  # noqa: N818 - named for what happened
    """One attempt at one provider failed.

    Attributes:
        failure: What that means.
        tokens: What the provider counted all the same (`messages.Tokens`): an answer that can't be used is billed.
    """

    def __init__(self, failure: Failure, tokens: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)) -> None:
        super().__init__(str(failure))
        self.failure, self.tokens = failure, tokens


class RequestRejected(RouterError):  # noqa: N818 - named for what happened
    """The request itself is at fault, so no other provider is asked.

    Attributes:
        status: The HTTP status for the caller, 4xx.
        error: An OpenAI error object: `message`, `type`, `param`, `code`.
    """

    def __init__(self, status: int, error: dict[str, Any], *, provider: str = "") -> None:
        super().__init__(str(error.get("message", "request rejected")))
        self.status, self.error, self.provider = status, error, provider


class AllProvidersExhausted(RouterError):  # noqa: N818 - named for what happened
    """No provider could answer.

    Attributes:
        attempts: Every attempt that was made, in order.
        skipped: Providers that weren't asked, each with the reason.
        retry_after_s: When the first of them may be worth another try.
    """

    def __init__(
        self, attempts: Sequence[Attempt], skipped: Sequence[str] = (), *, retry_after_s: float | None = None
    ) -> None:
        parts = [str(attempt) for attempt in attempts] + [f"{text} (not asked)" for text in skipped]
        super().__init__("All LLM providers exhausted: " + ("; ".join(parts) or "none is configured"))
        self.attempts, self.skipped, self.retry_after_s = tuple(attempts), tuple(skipped), retry_after_s


class StreamInterrupted(RouterError):  # noqa: N818 - named for what happened
    """A stream broke after its first token had reached the caller: what was delivered is incomplete."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(f"the answer is incomplete, {attempt}")
        self.attempt = attempt


def fail(meaning: Meaning, reason: str, message: str = "", **details: Any) -> AttemptFailed:
    """Make an `AttemptFailed`, with the message cut to 300 characters and without what looks like a key."""
    return AttemptFailed(Failure(meaning, reason, redact(message)[:MESSAGE_CHARS_MAX], **details))
