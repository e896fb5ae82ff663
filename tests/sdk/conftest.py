"""The fakes on loopback, in a thread of their own, and the official SDKs pointed at them, in both flavours."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.invoice import Bill
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.serve import serve

sys.path.insert(0, str(Path(__file__).parent))  # the package beside the tests

from proof import players
from proof.players.base import Player
from proof.results import Results
from proof.scene import STAGE, Stage
from proof.truth import truths

RUN = "7f3a9c"

NEEDS = {
    "test_bedrock.py": "boto3",
    "test_cohere.py": "cohere",
    "test_gemini.py": "google.genai",
    "test_groq.py": "groq",
    "test_mistral.py": "mistralai",
}
"""The SDK that a test module needs, where it isn't in every environment: the module isn't collected without it."""


def _missing(sdk: str) -> bool:
    try:
        return importlib.util.find_spec(sdk) is None
    except ModuleNotFoundError:  # not even the package around it
        return True


collect_ignore = [module for module, sdk in NEEDS.items() if os.environ.get("BANSTORM_SDKS") != "all" and _missing(sdk)]


class Lab:
    """What the tests see of the servers."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self.bills: list[Bill] = []
        self.stage = Stage()

    def root(self, name: str) -> str:
        """Where a server listens."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def failing(self, dialect: str) -> Any:
        """An application that plays the stage's scene to every request."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                return
            asked, message = b"", {"more_body": True}
            while message.get("more_body", False):
                message = await receive()
                asked += message.get("body", b"")
            await self.stage.play(dialect, scope, asked, send)

        return app


@pytest.fixture(scope="session")
def _lab() -> Iterator[Lab]:
    lab = Lab()
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()
    problems: list[BaseException] = []

    async def run() -> None:
        prices = PriceTable.load()
        apps = {}
        for name in sorted({truth.dialect for truth in truths()}):
            fake = create_app(name, find(name), Pace(), run_seed=1, bill=lab.bills.append, prices=prices)
            apps[name] = (fake, 0)
            apps[f"failing-{name}"] = (lab.failing(name), 0)
        servers = await serve(apps)
        lab.ports = servers.ports
        ready.set()
        await stopping.wait()
        await servers.stop()

    def main() -> None:
        try:
            loop.run_until_complete(run())
        except BaseException as problem:  # noqa: BLE001 - it is raised again in the test's own thread
            problems.append(problem)
            ready.set()
        finally:
            loop.close()

    thread = threading.Thread(target=main, name="fakes", daemon=True)
    thread.start()
    assert ready.wait(20), "the fakes did not start"
    if problems:
        raise problems[0]
    yield lab
    loop.call_soon_threadsafe(stopping.set)
    thread.join(20)


@pytest.fixture
def lab(_lab: Lab) -> Lab:
    """The servers, with nothing counted yet."""
    _lab.bills.clear()
    return _lab


@pytest.fixture(scope="session")
def results() -> Iterator[Results]:
    """What the tests saw; written in the end if every row was played."""
    results = Results()
    yield results
    results.write()


@pytest.fixture(scope="session")
def _kept() -> Iterator[dict[Any, Player]]:
    kept: dict[Any, Player] = {}
    yield kept
    loop = asyncio.new_event_loop()
    for player in kept.values():
        loop.run_until_complete(player.close())
    loop.close()


@pytest.fixture
async def player(lab: Lab, _kept: dict[Any, Player]):
    """Makes players on the stage: ``player(name, dialect, flavour, retrying=…)``. Synchronous ones are kept."""
    made: list[Player] = []

    def make(name: str, dialect: str, flavour: str, *, retrying: bool) -> Player:
        key = (name, dialect, retrying)
        if flavour == "sync" and key in _kept:
            return _kept[key]
        new = players.find(name)(lab.root(f"failing-{dialect}") + STAGE, flavour, retrying=retrying)
        if flavour == "sync":
            _kept[key] = new
        else:  # its connections belong to the loop of one test
            made.append(new)
        return new

    yield make
    for each in made:
        await each.close()


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    """Every test runs with the synchronous client and with the asynchronous one."""
    return str(request.param)


@pytest.fixture
async def openai_client(lab: Lab, flavour: str):
    """The OpenAI SDK, pointed at the fake."""
    made = make_openai(lab.root("openai") + "/v1", flavour)
    yield made
    await settle(made.close())


@pytest.fixture
async def anthropic_client(lab: Lab, flavour: str):
    """The Anthropic SDK, pointed at the fake."""
    made = make_anthropic(lab.root("anthropic"), flavour)
    yield made
    await settle(made.close())


@pytest.fixture
async def clients():
    """Makes clients of both SDKs: ``clients(sdk, base_url, flavour, **options)``; closes them in the end."""
    made: list[Any] = []

    def make(sdk: str, base_url: str, flavour: str, **options: Any) -> Any:
        maker = make_openai if sdk == "openai" else make_anthropic
        made.append(maker(base_url, flavour, **options))
        return made[-1]

    yield make
    for client in made:
        await settle(client.close())


@pytest.fixture
def call():
    """Helpers that hide whether a client is synchronous: ``call.settle(value)``, ``call.items(stream)``."""
    return Calls


def make_openai(base_url: str, flavour: str, **options: Any) -> Any:
    """An OpenAI client that doesn't retry unless told to."""
    maker: Any = openai.OpenAI if flavour == "sync" else openai.AsyncOpenAI
    return maker(**{"base_url": base_url, "api_key": "sk-proj-test", "max_retries": 0, "timeout": 20, **options})


def make_anthropic(base_url: str, flavour: str, **options: Any) -> Any:
    """An Anthropic client that doesn't retry unless told to."""
    maker: Any = anthropic.Anthropic if flavour == "sync" else anthropic.AsyncAnthropic
    return maker(**{"base_url": base_url, "api_key": "sk-ant-api03-test", "max_retries": 0, "timeout": 20, **options})


async def settle(value: Any) -> Any:
    """The value itself, or what it becomes when awaited."""
    return await value if inspect.isawaitable(value) else value


class Calls:
    """Speak to a client of either flavour in one way."""

    settle = staticmethod(settle)

    @staticmethod
    async def items(stream: Any) -> list[Any]:
        """Everything a stream yields."""
        if hasattr(stream, "__aiter__"):
            return [item async for item in stream]
        return list(stream)

    @staticmethod
    def prompt(shape: Shape, words: int, number: int = 12) -> str:
        """A prompt with a mark."""
        return f"Say what was agreed. {Mark(RUN, number, shape, words).render()}"

    @staticmethod
    def mark(shape: Shape, words: int, number: int = 12) -> Mark:
        """The mark of `prompt`."""
        return Mark(RUN, number, shape, words)
