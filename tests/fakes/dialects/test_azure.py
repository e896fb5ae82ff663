from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Ask, RequestRefused

AZURE = find("azure")
DEPLOYMENT = "/openai/deployments/my-gpt/chat/completions"
BODY = orjson.dumps({"messages": [{"role": "user", "content": "hi"}], "model": "gpt-4.1"})
KEY = {"api-key": "k"}


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (DEPLOYMENT + "?api-version=2024-10-21", "my-gpt"),
        (DEPLOYMENT + "?x=1&api-version=preview", "my-gpt"),
        ("/openai/v1/chat/completions", "gpt-4.1"),
        ("/openai/v1/chat/completions?api-version=preview", "gpt-4.1"),
    ],
)
def test_paths(path: str, model: str) -> None:
    """A deployment's name is the model, whatever the body says; the newer path takes the model from the body."""
    assert AZURE.read("POST", path, KEY, BODY).model == model


@pytest.mark.parametrize("query", ["", "?", "?api-version=", "?version=2024-10-21"])
def test_api_version_is_needed(query: str) -> None:
    """By deployment nothing is found without an api-version."""
    with pytest.raises(RequestRefused) as caught:
        AZURE.read("POST", DEPLOYMENT + query, KEY, BODY)
    assert caught.value.reply.status == 404


@pytest.mark.parametrize(
    ("headers", "credential"),
    [
        ({"api-key": "k"}, "k"),
        ({"authorization": "Bearer t"}, "t"),
        ({"api-key": "k", "authorization": "Bearer t"}, "k"),
        ({"authorization": "Basic t"}, None),
        ({"api-key": " "}, None),
        ({}, None),
    ],
)
def test_credential(headers: dict[str, str], credential: str | None) -> None:
    """A key stands in a header of its own; a token of Entra ID is a bearer token."""
    assert AZURE.credential(headers, DEPLOYMENT) == credential


def events(**changes: Any) -> list[bytes]:
    """A stream of three words."""
    ask = Ask("gpt-4.1", stream=True, text="", mark=Mark("7f3a9c", 5, Shape.TEXT, 3), input_tokens=11, **changes)
    return [event.data for event in AZURE.stream(ask, compose(ask, "azure", id_seed=7, created_s=1_736_407_895))]


def test_stream_to_the_letter() -> None:
    """The first chunk has no choices and speaks of the prompt; the others have their keys in alphabetical order."""
    about_prompt, first, second, *_, last, done = events()
    safe = rb'\{"filtered":false,"severity":"safe"\}'
    found = rb'\{"hate":S,"self_harm":S,"sexual":S,"violence":S\}'.replace(b"S", safe)
    assert re.fullmatch(
        rb'data: \{"choices":\[\],"created":0,"id":"","model":"","object":"","prompt_filter_results":'
        rb'\[\{"prompt_index":0,"content_filter_results":\{"hate":\{.*\}\}\}\]\}\n\n',
        about_prompt,
    )
    head = rb'data: \{"choices":\[\{"content_filter_results":' + found + rb',"delta":'
    tail = (
        rb',"index":0,"logprobs":null\}\],"created":1736407895,"id":"chatcmpl-\w{29}","model":"gpt-4\.1",'
        rb'"object":"chat\.completion\.chunk","system_fingerprint":"fp_[0-9a-f]{10}"\}\n\n'
    )
    assert re.fullmatch(head + rb'\{"role":"assistant","content":""\},"finish_reason":null' + tail, first)
    word = rb'\{"content":"~7f3a9c\.5\.azure\.1\.3\.\w{4} "\},"finish_reason":null'
    assert re.fullmatch(head + word + tail, second)
    assert re.fullmatch(head + rb'\{\},"finish_reason":"stop"' + tail, last)
    assert done == b"data: [DONE]\n\n"


def test_stream_with_usage() -> None:
    """With usage asked for, every chunk with a choice has a null, and one without choices has the count."""
    _, *chunks, usage, _ = events(include_usage=True)
    assert all(b'"usage":null}' in chunk for chunk in chunks)
    counted = orjson.loads(usage[6:])
    assert (counted["choices"], counted["usage"]["total_tokens"]) == ([], 14)


def test_headers() -> None:
    """Answers carry two request ids, and limits whose resets are whole seconds."""
    ask = Ask("gpt-4.1", stream=False, text="", mark=None, input_tokens=11)
    reply = AZURE.write(ask, compose(ask, "azure", id_seed=7, created_s=1))
    headers = dict(reply.headers)
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(uuid, headers["apim-request-id"])
    assert re.fullmatch(uuid, headers["x-request-id"])
    assert headers["x-ratelimit-reset-requests"].isdecimal()
    assert headers["x-ratelimit-reset-tokens"].isdecimal()
    assert int(headers["x-ratelimit-remaining-tokens"]) < int(headers["x-ratelimit-limit-tokens"])


@pytest.mark.parametrize(
    ("details", "headers", "says"),
    [
        ({}, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "60"}, "token rate limit"),
        (
            {"retry_after": 86400},
            {"retry-after": "86400", "retry-after-ms": "86400000", "x-ratelimit-reset-tokens": "86400"},
            "Please retry after 86400 seconds.",
        ),
        (
            {"retry_after": 1.5, "limit": "requests"},
            {"retry-after": "1.5", "retry-after-ms": "1500", "x-ratelimit-remaining-requests": "0"},
            "call rate limit",
        ),
        ({"retry_after": "junk"}, {"retry-after": "junk"}, "60 seconds"),
        ({"api_version": "2024-08-01-preview"}, {}, "API version 2024-08-01-preview have exceeded"),
    ],
)
def test_rate_limited(details: dict[str, Any], headers: dict[str, str], says: str) -> None:
    """The 429's code is a string; its wait stands in the message and, in seconds and milliseconds, in headers."""
    reply = AZURE.failure("rate_limited", details, id_seed=1)
    error = orjson.loads(reply.body)["error"]
    assert error["code"] == "429"
    assert says in error["message"]
    given = dict(reply.headers)
    assert headers.items() <= given.items()
    assert ("retry-after-ms" in given) == isinstance(details.get("retry_after"), int | float)


@pytest.mark.parametrize(
    ("kind", "status", "says"),
    [
        (
            "oauth_expired",
            401,
            (
                '{"statusCode":401,"message":"Unauthorized. Access token is missing, invalid, audience is incorrect '
                '(https://cognitiveservices.azure.com), or have expired."}'
            ),
        ),
        ("rate_limited", 429, "exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after"),
        ("overloaded", 429, "exceeds the maximum usage size allowed during peak load."),
        ("model_not_found", 404, '"code":"DeploymentNotFound"'),
        (
            "content_filtered",
            400,
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        ),
        ("content_filtered", 400, '"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{'),
        ("content_filtered", 400, '"type":null,"param":"prompt","code":"content_filter","status":400'),
        ("unsupported_parameter", 400, "Use 'max_completion_tokens' instead."),
        ("context_too_long", 400, "This model's maximum context length is "),
    ],
)
def test_failures_word_for_word(kind: str, status: int, says: str) -> None:
    """What routers match on is there to the letter."""
    reply = AZURE.failure(kind, {}, id_seed=1)
    assert reply.status == status
    assert says in reply.body.decode()
