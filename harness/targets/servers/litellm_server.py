"""LiteLLM's Router in a process of its own, behind a chat-completions front."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import litellm
from openai_front import App, serve, settings


class RouterLibrary:
    """Calls are handed to the Router as they came, their model replaced by the one group."""

    def __init__(self, told: dict[str, Any]) -> None:
        litellm.telemetry = False
        self._router = litellm.Router(model_list=told["model_list"], **told["router_settings"])

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """A completion."""
        answer = await self._router.acompletion(**request | {"model": "m"})
        dumped: dict[str, Any] = answer.model_dump(exclude_none=True)
        return dumped

    async def stream(self, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """A completion's chunks."""
        async for chunk in await self._router.acompletion(**request | {"model": "m"}):
            yield chunk.model_dump(exclude_none=True)


if __name__ == "__main__":
    told = settings()
    serve(App(RouterLibrary(told)), told["port"])
