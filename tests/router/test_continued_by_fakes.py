"""Continuation between the vendors' stand-ins: word by word, the answer is one, and nobody says a word twice.

The stand-ins are those of `banstorm.fakes`; without that package (the router copied out by itself) this is skipped.
"""

from __future__ import annotations

import httpx
import pytest
from banstorm.router import AttemptFailed, Failure, LLMRequest, LLMRouter, Meaning, StreamInterrupted
from banstorm.router.profile import Profile
from banstorm.router.providers import provider_class

pytest.importorskip("banstorm.fakes")

from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Reading, Shape, inspect
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable

WORDS = 24
CUT = Failure(Meaning.TRANSIENT, "stream_cut", "cut")
MODELS = {"anthropic": "claude-sonnet-5", "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}
FIRST = ["anthropic", "bedrock", "gemini", "mistral", "openai"]
SECOND = ["anthropic", "bedrock", "gemini", "groq", "mistral", "openai", "openrouter"]


def provider(dialect, name, *, breaks_after=None):
    """A provider in front of a stand-in; its streams break off when so many words have been passed on."""
    pace = Pace(0, 100_000, 0.0)
    app = create_app(name, find(dialect), pace, run_seed=1, bill=lambda _: None, prices=PriceTable.load())

    class Breaking(provider_class(dialect)):
        async def stream(self, request, limits=None):
            words = 0
            async for chunks in super().stream(request, limits):
                for chunk in chunks:
                    yield [chunk]
                    words += sum("~" in str(choice["delta"]) for choice in chunk["choices"])
                    if words == breaks_after:
                        raise AttemptFailed(CUT)

    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app))
    base = f"http://{name}{find(dialect).base_path}"
    made = Breaking("k", base, MODELS.get(dialect, "m"), name=name, client=client, owns_client=True)
    made.profile = Profile(continues="prefill")
    return made


async def collect(router, request, chunks):
    """Take what comes, also of a stream that breaks off."""
    async for chunk in router.stream(request):
        chunks += [chunk]


async def said(first, second, request):
    """What a caller of a router over these two hears, and how the stream ended."""
    router = LLMRouter([first, second], continuing=True)
    chunks: list = []
    error = None
    try:
        await collect(router, request, chunks)
    except StreamInterrupted as caught:
        error = caught
    finally:
        await router.aclose()
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    return text, [choice["finish_reason"] for choice in choices if choice.get("finish_reason")], error


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("first", FIRST)
async def test_from_any_dialect_to_any(first, second):
    """An answer begun in one dialect and gone on with in another is stitched: every word once, one end."""
    mark = Mark("7f3a9c", 12, Shape.TEXT, WORDS)
    request = LLMRequest(mark.render())
    text, ends, error = await said(provider(first, "one", breaks_after=8), provider(second, "two"), request)
    found = inspect(text, mark)
    assert (Reading.STITCHED, WORDS, ("one", "two")) == (found.reading, found.places, found.providers)
    assert (["stop"], None) == (ends, error)


async def test_a_document_from_two():
    """A JSON document is gone on with inside its text, and is one document."""
    mark = Mark("7f3a9c", 12, Shape.JSON, WORDS)
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER_SCHEMA}}
    request = LLMRequest(mark.render(), response_format=form)
    text, ends, error = await said(provider("openai", "one", breaks_after=8), provider("anthropic", "two"), request)
    assert (Reading.STITCHED, ["stop"], None) == (inspect(text, mark).reading, ends, error)


@pytest.mark.parametrize("demanded", [True, False])
async def test_a_call_is_not_gone_on_with(demanded):
    """A call that was demanded is held back and asked for anew; half of one that wasn't is ended by an error."""
    mark = Mark("7f3a9c", 12, Shape.TOOL, WORDS)
    tool = {"type": "function", "function": {"name": TOOL_NAME, "parameters": ANSWER_SCHEMA}}
    choice = {"type": "function", "function": {"name": TOOL_NAME}} if demanded else None
    request = LLMRequest(mark.render(), tools=[tool], tool_choice=choice)
    text, ends, error = await said(provider("openai", "one", breaks_after=8), provider("openai", "two"), request)
    assert ("", ["tool_calls"] if demanded else []) == (text, ends)
    assert demanded == (error is None)


async def test_three_providers_and_two_seams():
    """What goes on may break off as well; the next goes on behind both, within the call's attempts."""
    mark = Mark("7f3a9c", 12, Shape.TEXT, WORDS)
    router = LLMRouter(
        [
            provider("anthropic", "one", breaks_after=8),
            provider("openai", "two", breaks_after=8),
            provider("mistral", "three"),
        ],
        continuing=True,
    )
    chunks = [chunk async for chunk in router.stream(LLMRequest(mark.render()))]
    await router.aclose()
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    found = inspect(text, mark)
    assert (Reading.STITCHED, ("one", "two", "three")) == (found.reading, found.providers)
