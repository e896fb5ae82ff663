"""Failover without a lost call, through the HTTP front and real sockets."""

from __future__ import annotations

import pytest

BAN = {"type": "error", "error": {"type": "invalid_request_error", "message": "This organization has been disabled."}}


async def test_the_preferred_provider_answers(bench):
    """Without failures the first provider answers, and the headers say who it was."""
    b = await bench()
    response = await b.ask()
    assert (200, "anthropic", "1") == (
        response.status_code,
        response.headers["x-llm-provider"],
        response.headers["x-llm-attempts"],
    )
    assert response.json()["choices"][0]["message"]["content"] == "anthropic is well"
    assert b.openai.requests == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_ban_costs_no_call(bench, stream):
    """A banned provider is left at once: the second answers the call, and the next ones don't ask the first."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(400, BAN)
    for attempts in ("2", "1", "1"):
        response = await b.ask(stream=stream)
        assert response.status_code == 200
        assert (response.headers["x-llm-provider"], response.headers["x-llm-attempts"]) == ("openai", attempts)
    assert len(b.anthropic.requests) == 1


async def test_stream_is_forwarded(bench):
    """A stream arrives as chunks with one [DONE] at the end."""
    b = await bench()
    response, text, events = await b.ask_stream()
    assert text == "anthropic is well "
    assert response.text.endswith("data: [DONE]\n\n")
    assert events[-1]["choices"][0]["finish_reason"] == "stop"
