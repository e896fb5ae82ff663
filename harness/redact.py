"""Credentials never reach a file: fingerprints for identity, blanks for the rest."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_SECRET: Final = re.compile(
    r"\b(sk-(?:ant-|proj-|or-v1-)?|AIza|gsk_|Bearer\s+)(?=[A-Za-z0-9_\-.]{8})[A-Za-z0-9_\-.]+",
)


def fingerprint(credential: str) -> str:
    """A short name for a credential that can't be turned back: a scheme hint and 8 hex digits of its SHA-256."""
    digest = hashlib.sha256(credential.encode()).hexdigest()[:8]
    hint = re.match(r"[A-Za-z]+(?:-[a-z]+)?", credential)
    return f"{hint.group()[:8] if hint else 'key'}:{digest}"


def redact(text: str) -> str:
    """`text` with everything that looks like an API key or bearer token blanked out, its scheme kept."""
    return _SECRET.sub(lambda match: match.group(1) + "[redacted]", text)
