"""How each vendor's official SDK is told where to go: by environment variables, or in code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("ANTHROPIC_BASE_URL={root}", "ANTHROPIC_API_KEY={key}"),
    "azure": ("AZURE_OPENAI_ENDPOINT={root}", "AZURE_OPENAI_API_KEY={key}", "OPENAI_API_VERSION=2024-10-21"),
    "bedrock": (
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME={root}",
        "AWS_ACCESS_KEY_ID={key}",
        "AWS_SECRET_ACCESS_KEY=banstorm",
        "AWS_DEFAULT_REGION=us-east-1",
    ),
    "cohere": ("CO_API_URL={root}", "CO_API_KEY={key}"),
    "gemini": ("GOOGLE_GEMINI_BASE_URL={root}", "GEMINI_API_KEY={key}"),
    "groq": ("GROQ_BASE_URL={root}", "GROQ_API_KEY={key}"),
    "mistral": ("MISTRAL_SERVER_URL={root}", "MISTRAL_API_KEY={key}"),
    "openai": ("OPENAI_BASE_URL={base}", "OPENAI_API_KEY={key}"),
    "openrouter": ("OPENROUTER_BASE_URL={base}", "OPENROUTER_API_KEY={key}"),
}
"""What the SDK of each dialect reads, or its line in `SPOKEN`; {root} is http://host:port, {base} has the API's path,
{key} is made up.
"""
SPOKEN: Final[Mapping[str, str]] = {
    "mistral": 'Mistral(api_key=os.environ["MISTRAL_API_KEY"], server_url=os.environ["MISTRAL_SERVER_URL"])',
    "openrouter": 'OpenAI(api_key=os.environ["OPENROUTER_API_KEY"], base_url=os.environ["OPENROUTER_BASE_URL"])',
}
"""Where an SDK reads no address from the environment, how it is told."""
