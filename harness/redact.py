"""Credentials never reach a file: fingerprints for identity, blanks for the rest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final

SECRET_CHARS_MIN: Final = 6
"""Shorter words of a header are taken for no credential."""

_SECRET: Final = re.compile(
    r"\b(sk-(?:ant-|proj-|or-v1-)?|AIza|gsk_|Bearer\s+)(?=[A-Za-z0-9_\-.]{8})[A-Za-z0-9_\-.]+",
)

_PREFIXES: Final = ("sk-ant", "sk-proj", "sk-or", "sk-", "AIza", "gsk_", "AKIA", "ASIA")
"""What keys of a vendor begin with. No letter behind it is shown: a key without a prefix is all secret."""


def fingerprint(credential: str) -> str:
    """A short name for a credential that can't be turned back: its vendor's prefix and 8 hex digits of its SHA-256."""
    digest = hashlib.sha256(credential.encode()).hexdigest()[:8]
    prefix = next((each for each in _PREFIXES if credential.startswith(each)), "key")
    return f"{prefix.rstrip('-_')}:{digest}"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with `secrets`, and all that looks like an API key or bearer token, blanked out; its scheme is kept."""
    text = _SECRET.sub(lambda match: match.group(1) + "[redacted]", text)
    for each in secrets:
        text = text.replace(each, "[redacted]")
    return text


def secrets_of(api_key: str | None, headers: Mapping[str, str]) -> tuple[str, ...]:
    """What of the user's own key and headers must not be written down, longest first.

    Every word of a header may be a credential, whatever the header is called; short words and schemes are none.
    """
    words = {word for value in headers.values() for word in value.split() if word.lower() not in {"bearer", "basic"}}
    found = {word for word in words if len(word) >= SECRET_CHARS_MIN} | ({api_key} if api_key else set())
    return tuple(sorted(found, key=lambda each: (-len(each), each)))
