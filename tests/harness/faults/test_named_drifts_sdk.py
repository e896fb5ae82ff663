"""What the official SDKs make of the named drifts: they let all of them pass, and a program crashes or is misled."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai

sys.path.insert(0, str(Path(__file__).parent))
from spoilt import ask_of, joined, said, spoil

SIGNATURE = "EqQBCkYIBxgCKkBiYW5zdG9ybQ=="


def http_client(name, dialect, shape="text", *, stream=False):
    """A client's transport that has one answer, drifted."""
    ask = ask_of(shape, stream=stream)
    headers, pieces = said(dialect, ask)
    steps, _ = spoil("drift", dialect, ask, pieces, headers, named=name)
    kept = [(key, value) for key, value in headers if key != "content-length"]
    return httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, headers=kept, content=joined(steps)))
    )


def chat(name, dialect="openai", shape="text", *, stream=False) -> Any:
    """What the OpenAI SDK returns, the chunks of a stream as a list."""
    client = openai.OpenAI(
        api_key="k", base_url="http://x", max_retries=0, http_client=http_client(name, dialect, shape, stream=stream)
    )
    answer = client.chat.completions.create(model="m", messages=[], stream=stream)
    return list(answer) if stream else answer


def message(name, shape="text", *, stream=False) -> Any:
    """The message that the Anthropic SDK returns, or puts together from a stream."""
    client = anthropic.Anthropic(
        api_key="k",
        base_url="http://x",
        max_retries=0,
        http_client=http_client(name, "anthropic", shape, stream=stream),
    )
    wanted: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    if not stream:
        return client.messages.create(**wanted)
    with client.messages.stream(**wanted) as events:
        return events.get_final_message()


def test_openai_lets_a_chunk_without_choices_pass_and_the_program_crashes():
    """The SDK hands the chunk on as it is: whoever reads choices[0] of every chunk crashes on the first."""
    first, *rest = chat("azure_empty_first_chunk", stream=True)
    with pytest.raises(IndexError):
        first.choices[0]
    assert ("", []) == (first.id, first.choices)
    assert 6 == "".join(chunk.choices[0].delta.content or "" for chunk in rest if chunk.choices).count("~")


def test_openai_reads_mistrals_own_chunk_of_usage():
    """The last chunk has no choices, and usage."""
    *_, last = chat("usage_in_its_own_chunk", "mistral", stream=True)
    assert ([], 6) == (last.choices, last.usage.completion_tokens)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
def test_openai_reads_a_function_call_and_no_tool_calls(stream):
    """The call is where nobody looks any more: the new members say nothing, the finish reason is the old one."""
    answer = chat("openai_function_call", shape="tool", stream=stream)
    if stream:
        calls = [chunk.choices[0].delta for chunk in answer if chunk.choices]
        assert "record_answer" in [call.function_call.name for call in calls if call.function_call]
        assert 6 == "".join(call.function_call.arguments or "" for call in calls if call.function_call).count("~")
        assert all(call.tool_calls is None for call in calls)
        return
    choice = answer.choices[0]
    assert ("function_call", None, None) == (choice.finish_reason, choice.message.tool_calls, choice.message.content)
    assert "record_answer" == choice.message.function_call.name


def test_openai_takes_missing_members_for_null():
    """It validates nothing: what is missing is None."""
    answer = chat("openai_fields_absent")
    assert (None, None, None) == (answer.system_fingerprint, answer.service_tier, answer.choices[0].message.refusal)
    assert 6 == answer.choices[0].message.content.count("~")


def test_openai_hands_a_list_on_where_a_text_should_be():
    """`content` is typed as a text and is a list: a program that joins texts crashes."""
    content: Any = chat("mistral_thinking_content", "mistral").choices[0].message.content
    assert "thinking" == content[0]["type"]
    with pytest.raises(TypeError):
        "so " + content
    deltas = [chunk.choices[0].delta.content for chunk in chat("mistral_thinking_content", "mistral", stream=True)]
    assert [list] == [type(delta) for delta in deltas if not isinstance(delta, str)]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("anthropic_thinking_block", "thinking"),
        ("anthropic_redacted_thinking", "redacted_thinking"),
        ("anthropic_fallback_block", "fallback"),
    ],
)
def test_anthropic_lets_a_block_before_the_text_pass(name, kind, stream):
    """Known or not, the SDK puts the block first: whoever takes content[0] for the text gets none."""
    answer = message(name, stream=stream)
    assert [kind, "text"] == [block.type for block in answer.content]
    assert getattr(answer.content[0], "text", None) is None
    assert 6 == answer.content[1].text.count("~")
    if name == "anthropic_thinking_block":
        assert ("Let me think.", SIGNATURE) == (answer.content[0].thinking, answer.content[0].signature)
    if name == "anthropic_fallback_block":
        assert ("some-model" if stream else "claude-opus-5") == answer.model


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("anthropic_pause_turn", "pause_turn"),
        ("anthropic_context_window_exceeded", "model_context_window_exceeded"),
    ],
)
def test_anthropic_lets_stop_reasons_pass(name, reason, stream):
    """The reason comes through as it is."""
    assert reason == message(name, stream=stream).stop_reason


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
def test_anthropic_counts_no_cache_where_none_is_told(stream):
    """What is missing is None, and adding it up crashes."""
    usage = message("anthropic_usage_without_cache", stream=stream).usage
    assert (9, None, None) == (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
    with pytest.raises(TypeError):
        usage.input_tokens + usage.cache_read_input_tokens


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("name", ["gemini_content_without_parts", "gemini_no_candidates"])
def test_gemini_has_no_text_and_no_error(name, stream):
    """google-genai returns None for the text and raises nothing: the loss is silent."""
    options = genai.types.HttpOptions(base_url="http://x", httpx_client=http_client(name, "gemini", stream=stream))
    models = genai.Client(api_key="k", http_options=options).models
    if stream:
        texts = [chunk.text for chunk in models.generate_content_stream(model="m", contents="x")]
    else:
        texts = [models.generate_content(model="m", contents="x").text]
    assert {None} == set(texts)
