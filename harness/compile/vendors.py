"""Which wire dialect a call spoke, by its host, its path, or what a table calls its provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

DEFAULT: Final = "openai"
"""The dialect of a provider that nothing tells: most services speak OpenAI's."""

MODELS: Final[Mapping[str, str]] = {
    "anthropic": "claude-sonnet-5",
    "azure": "gpt-5.4-mini",
    "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere": "command-a-03-2025",
    "gemini": "gemini-3.8-flash",
    "groq": "openai/gpt-oss-120b",
    "mistral": "mistral-large-latest",
    "openai": "gpt-5.4-mini",
    "openrouter": "openai/gpt-5.4-mini",
}
"""The model that a scenario asks each vendor for when the log names none that is public."""

# The vendors' published API hosts. Each pattern is for the whole host name, its port left out.
_HOSTS: Final = (
    (re.compile(r"(?:[a-z]+\.)?api\.openai\.com"), "openai"),
    (re.compile(r"api\.anthropic\.com"), "anthropic"),
    (re.compile(r"generativelanguage\.googleapis\.com|(?:[a-z0-9-]+-)?aiplatform\.googleapis\.com"), "gemini"),
    (re.compile(r"bedrock-runtime(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"), "bedrock"),
    (re.compile(r"[a-z0-9-]+\.(?:openai\.azure\.com|cognitiveservices\.azure\.com|services\.ai\.azure\.com)"), "azure"),
    (re.compile(r"api\.mistral\.ai"), "mistral"),
    (re.compile(r"api\.cohere\.(?:com|ai)"), "cohere"),
    (re.compile(r"api\.groq\.com"), "groq"),
    (re.compile(r"openrouter\.ai"), "openrouter"),
)
# Calls that answer a prompt, for gateways and fakes whose host tells nothing. The first that fits counts.
_PATHS: Final = (
    (re.compile(r"/openai/deployments/[^/]+/(?:chat/completions|completions|embeddings)$"), "azure"),
    (re.compile(r"/messages$"), "anthropic"),
    (re.compile(r"/model/[^/]+/(?:converse|converse-stream|invoke|invoke-with-response-stream)$"), "bedrock"),
    (re.compile(r"/models/[^/]+:(?:generateContent|streamGenerateContent|embedContent)$"), "gemini"),
    (re.compile(r"/v2/chat$"), "cohere"),
    (re.compile(r"/(?:chat/completions|completions|responses|embeddings)$"), "openai"),
)
_WORDS: Final = (
    ("azure", "azure"),
    ("bedrock", "bedrock"),
    ("aws", "bedrock"),
    ("openrouter", "openrouter"),
    ("anthropic", "anthropic"),
    ("claude", "anthropic"),
    ("gemini", "gemini"),
    ("vertex", "gemini"),
    ("google", "gemini"),
    ("mistral", "mistral"),
    ("cohere", "cohere"),
    ("command-", "cohere"),
    ("groq", "groq"),
    ("openai", "openai"),
    ("gpt-", "openai"),
)


def by_host(host: str) -> str | None:
    """The dialect that the vendor at `host` speaks, None for a host that is none of theirs."""
    host = host.lower().rstrip(".")
    return next((dialect for pattern, dialect in _HOSTS if pattern.fullmatch(host)), None)


def by_url(url: str) -> tuple[str, str] | None:
    """The host and the dialect of a call to `url`, None if it is no call of an LLM."""
    parts = split(url)
    if parts is None:
        return None
    path = parts.path.rstrip("/")
    dialect = by_host(parts.hostname or "")
    if dialect is None:
        dialect = next((spoken for pattern, spoken in _PATHS if pattern.search(path)), None)
    return None if dialect is None else ((parts.netloc or "").rpartition("@")[2], dialect)


def host_in(label: str) -> str | None:
    """The host that a table's label of a provider is, or is the URL of; None for a plain name."""
    if "/" in label and (found := by_url(label)):
        return found[0]
    return label if by_host(label.partition(":")[0]) else None


def split(url: str) -> SplitResult | None:
    """The parts of a URL, None if it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.hostname
    except ValueError:
        return None
    return parts


def by_label(label: str) -> str | None:
    """The dialect of what a table calls a provider: a vendor's name, a host, or a model; None if it tells nothing."""
    label = label.lower()
    if "/" in label and (found := by_url(label)):
        return found[1]
    return by_host(label.partition(":")[0]) or next((dialect for word, dialect in _WORDS if word in label), None)
