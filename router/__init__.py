"""The reference router: how failover between LLM providers is done right.

```python
from banstorm.router import AnthropicProvider, LLMRequest, LLMRouter, OpenAIProvider

router = LLMRouter([AnthropicProvider(api_key="…"), OpenAIProvider(api_key="…")])
print(router.route(LLMRequest("Why is the sky blue?")).content)
```

As a service: `banstorm router --config router.yaml`, or `python -m banstorm.router` where the router is alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core import LLMRouter
    from .errors import AllProvidersExhausted, AttemptFailed, Failure, Meaning, RequestRejected, StreamInterrupted
    from .messages import LLMRequest, LLMResponse
    from .provider import AttemptLimits, LLMProvider
    from .providers.anthropic import AnthropicProvider
    from .providers.azure import AzureProvider
    from .providers.bedrock import BedrockProvider
    from .providers.gemini import GeminiProvider
    from .providers.groq import GroqProvider
    from .providers.http_service import HTTPServiceProvider
    from .providers.mistral import MistralProvider
    from .providers.openai import OpenAIProvider
    from .providers.openai_compatible import OpenAICompatibleProvider
    from .providers.openrouter import OpenRouterProvider

__all__ = [
    "AllProvidersExhausted",
    "AnthropicProvider",
    "AttemptFailed",
    "AttemptLimits",
    "AzureProvider",
    "BedrockProvider",
    "Failure",
    "GeminiProvider",
    "GroqProvider",
    "HTTPServiceProvider",
    "LLMProvider",
    "LLMRequest",
    "LLMResponse",
    "LLMRouter",
    "Meaning",
    "MistralProvider",
    "OpenAICompatibleProvider",
    "OpenAIProvider",
    "OpenRouterProvider",
    "RequestRejected",
    "StreamInterrupted",
]

_HOMES = {
    "AllProvidersExhausted": "errors",
    "AnthropicProvider": "providers.anthropic",
    "AttemptFailed": "errors",
    "AttemptLimits": "provider",
    "AzureProvider": "providers.azure",
    "BedrockProvider": "providers.bedrock",
    "Failure": "errors",
    "GeminiProvider": "providers.gemini",
    "GroqProvider": "providers.groq",
    "HTTPServiceProvider": "providers.http_service",
    "LLMProvider": "provider",
    "LLMRequest": "messages",
    "LLMResponse": "messages",
    "LLMRouter": "core",
    "Meaning": "errors",
    "MistralProvider": "providers.mistral",
    "OpenAICompatibleProvider": "providers.openai_compatible",
    "OpenAIProvider": "providers.openai",
    "OpenRouterProvider": "providers.openrouter",
    "RequestRejected": "errors",
    "StreamInterrupted": "errors",
}


def __getattr__(name: str) -> Any:
    # Lazy: `python -m banstorm.router --help` and a config check need no HTTP stack.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value
