"""What an answer that can't be used costs: the provider read the prompt and wrote it, so it bills it."""

from __future__ import annotations

import json
from typing import Any

import pytest

FRESH, WRITTEN = 100_000, 5_000
COUNTS = {
    "anthropic": {"input_tokens": FRESH, "output_tokens": WRITTEN},
    "openai": {"prompt_tokens": FRESH, "completion_tokens": WRITTEN},
}
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def event(payload: dict[str, Any]) -> bytes:
    """One event of a stream."""
    return f"data: {json.dumps(payload)}\n\n".encode()


def message(words: str, stop: str, usage: Any) -> dict[str, Any]:
    """Anthropic's plain answer."""
    content = [{"type": "text", "text": words}] if words else []
    head = {"id": "m", "type": "message", "role": "assistant", "model": "c"}
    return {**head, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage}


def anthropic_stream(words: str, stop: str) -> list[bytes]:
    """The same as a stream, whose head tells the input's count alone."""
    start = message("", "", {**COUNTS["anthropic"], "output_tokens": 1}) | {"stop_reason": None}
    text = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words}}]
    return [
        event({"type": "message_start", "message": start}),
        event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        *[event(piece) for piece in text if words],
        event({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": WRITTEN}}),
        event({"type": "message_stop"}),
    ]


def openai_stream(delta: dict[str, Any]) -> list[bytes]:
    """A stream of one piece, its finish reason and its count."""
    return [
        event({**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}),
        event({**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        event({**HEAD, "choices": [], "usage": COUNTS["openai"]}),
        b"data: [DONE]\n\n",
    ]


def billed(b: Any, provider: str, kind: str = "input") -> float:
    """Tokens that the metrics say a provider counted or was guessed to have read, or written."""
    lines = [line for line in b.metrics.render().decode().split("\n") if line.startswith("llm_tokens_total")]
    return sum(float(line.split()[-1]) for line in lines if f'"{provider}"' in line and f'"{kind}"' in line)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_was_kept_back_and_asked_elsewhere_costs(bench, stream):
    """A 200 that declines after 100,000 tokens were read is billed as counted, though another answers."""
    b = await bench(content_refusals="elsewhere")
    plain = b.anthropic.replies(200, message("", "refusal", COUNTS["anthropic"]))
    b.anthropic.always = b.anthropic.streams(*anthropic_stream("", "refusal")) if stream else plain
    response = (await b.ask_stream())[0] if stream else await b.ask()
    assert ("openai", 200) == (response.headers["x-llm-provider"], response.status_code)
    assert (FRESH, WRITTEN) == (billed(b, "anthropic"), billed(b, "anthropic", "output"))


@pytest.mark.parametrize("usage", [COUNTS["anthropic"], {"input_tokens": "many"}], ids=["counted", "uncounted"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_drifted_answer_costs_what_its_provider_counts(bench, stream, usage):
    """Prose where JSON was asked for can't be used, and is billed; a count that can't be read leaves an estimate."""
    b = await bench()
    plain = b.anthropic.replies(200, message("no json", "end_turn", usage))
    counted = usage is COUNTS["anthropic"]
    b.anthropic.always = b.anthropic.streams(*anthropic_stream("{no json", "end_turn")) if stream else plain
    more = {"response_format": FORM}
    response = (await b.ask_stream(**more))[0] if stream else await b.ask(**more)
    assert 200 == response.status_code
    assert (counted or stream) == (billed(b, "anthropic") == FRESH)
    assert billed(b, "anthropic") > 0


async def test_a_drift_that_shows_at_a_streams_end_costs_what_was_counted(bench):
    """Half of it has reached the caller when the document proves to be none: the count of its end is the bill."""
    b = await bench()
    b.router.fleet.reorder(["openai", "anthropic"])
    b.openai.always = b.openai.streams(*openai_stream({"content": '{"a": '}))
    await b.ask_stream(response_format=FORM)
    assert (FRESH, WRITTEN) == (billed(b, "openai"), billed(b, "openai", "output"))


async def test_a_refusal_in_a_stream_that_tells_no_count_is_estimated(bench):
    """Left at its first word, it tells no count; what was read is billed, so a guess stands in the books."""
    b = await bench(content_refusals="elsewhere")
    b.router.fleet.reorder(["openai", "anthropic"])

    async def first_word(exchange: Any) -> None:
        await exchange.begin_stream()
        await exchange.send(openai_stream({"refusal": "I can't"})[0])
        await exchange.left.wait()

    b.openai.always = first_word
    assert "anthropic" == (await b.ask_stream())[0].headers["x-llm-provider"]
    assert 0 < billed(b, "openai") < FRESH


async def test_a_refusal_with_a_status_stays_free(bench):
    """What a provider refused to read costs nothing."""
    b = await bench(content_refusals="elsewhere")
    error = {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}
    b.anthropic.always = b.anthropic.replies(400, {"type": "error", "error": error})
    assert "openai" == (await b.ask()).headers["x-llm-provider"]
    assert 0 == billed(b, "anthropic")
