"""The reference router: how failover between LLM providers is done right.

```python
from banstorm.router import AnthropicProvider, LLMRequest, LLMRouter, OpenAIProvider

router = LLMRouter([AnthropicProvider(api_key="…"), OpenAIProvider(api_key="…")])
print(router.route(LLMRequest("Why is the sky blue?")).content)
```

As a service: `python -m banstorm.router --config router.yaml`.
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
    from .providers.openai import OpenAIProvider

__all__ = [
    "AllProvidersExhausted",
    "AnthropicProvider",
    "AttemptFailed",
    "AttemptLimits",
    "Failure",
    "LLMProvider",
    "LLMRequest",
    "LLMResponse",
    "LLMRouter",
    "Meaning",
    "OpenAIProvider",
    "RequestRejected",
    "StreamInterrupted",
]

_HOMES = {
    "AllProvidersExhausted": "errors",
    "AnthropicProvider": "providers.anthropic",
    "AttemptFailed": "errors",
    "AttemptLimits": "provider",
    "Failure": "errors",
    "LLMProvider": "provider",
    "LLMRequest": "messages",
    "LLMResponse": "messages",
    "LLMRouter": "core",
    "Meaning": "errors",
    "OpenAIProvider": "providers.openai",
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
