"""The plugin's own tests use it as a user does: by its entry point, with the vendors' unmodified SDKs."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Without the plugin its marker is unknown, and nothing here could even be collected to be skipped."""
    if not config.pluginmanager.hasplugin("banstorm"):
        config.addinivalue_line("markers", "banstorm: the plugin's, which is not installed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """An environment that was installed before the entry point was there skips with a reason; in CI it fails."""
    if config.pluginmanager.hasplugin("banstorm") or os.environ.get("BANSTORM_CI"):
        return
    skip = pytest.mark.skip(reason="banstorm's entry point is not installed: pip install --no-deps -e . again")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(skip)


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    """Every test that asks for it runs with the synchronous clients and with the asynchronous ones."""
    return str(request.param)


@pytest.fixture
async def ask(banstorm, flavour):
    """Asks a provider by its vendor's SDK, which finds it by the environment."""
    banstorm.setenv("openai", "anthropic")
    made = {
        "openai": {"sync": openai.OpenAI, "async": openai.AsyncOpenAI},
        "anthropic": {"sync": anthropic.Anthropic, "async": anthropic.AsyncAnthropic},
    }
    clients = {name: each[flavour](max_retries=0, timeout=10) for name, each in made.items()}

    async def call(name: str, text: str = "Hello", *, stream: bool = False) -> str:
        said = [{"role": "user", "content": text}]
        if name == "openai":
            create = clients[name].chat.completions.create
            got = await _settled(create(model="gpt-5.4-mini", messages=said, stream=stream))
            if stream:
                return "".join([each.choices[0].delta.content or "" for each in await _all(got) if each.choices])
            return got.choices[0].message.content
        got = await _settled(clients[name].messages.create(model="claude-sonnet-5", max_tokens=200, messages=said))
        return got.content[0].text

    yield call
    for client in clients.values():
        await _settled(client.close())


@pytest.fixture
def fall_back(ask):
    """Ask Anthropic, and OpenAI if that fails: the simplest router there is."""

    async def call(text: str = "Hello") -> str:
        try:
            return await ask("anthropic", text)
        except anthropic.APIError:
            return await ask("openai", text)

    return call


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def _all(stream: Any) -> list[Any]:
    if hasattr(stream, "__aiter__"):
        return [each async for each in stream]
    return list(stream)
