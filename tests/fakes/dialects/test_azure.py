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
        ("unsupported_parameter", 400, "'max_tokens' is not supported with this model."),
        ("context_too_long", 400, "This model's maximum context length is "),
        ("max_tokens_too_high", 400, "at most 16384 completion tokens, whereas you provided 20000."),
        ("model_retired", 404, '{"error":{"code":"404","message":"Resource not found"}}'),
    ],
)
def test_failures_word_for_word(kind: str, status: int, says: str) -> None:
    """What routers match on is there to the letter."""
    reply = AZURE.failure(kind, {}, id_seed=1)
    assert reply.status == status
    assert says in reply.body.decode()


@pytest.mark.parametrize(
    ("kind", "details", "status", "body"),
    [
        (
            "permission_denied",
            {},
            401,
            '{"error":{"code":"PermissionDenied","message":"Principal does not have access to API/Operation."}}',
        ),
        (
            "region_blocked",
            {},
            403,
            '{"error":{"code":"403","message":"Access denied due to Virtual Network/Firewall rules."}}',
        ),
        ("timeout", {}, 408, '{"error":{"code":"Timeout","message":"The operation was timeout."}}'),
    ],
)
def test_bodies_to_the_letter(kind: str, details: dict[str, Any], status: int, body: str) -> None:
    """Short refusals as they were captured."""
    reply = AZURE.failure(kind, details, id_seed=1)
    assert (reply.status, reply.body.decode()) == (status, body)


def test_content_filter_of_2023() -> None:
    """It had a typographer's apostrophe once, and no inner error."""
    error = orjson.loads(AZURE.failure("content_filtered", {"variant": "2023"}, id_seed=1).body)["error"]
    assert "Azure OpenAI\u2019s content" in error["message"]
    assert "innererror" not in error


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_kept_back(stream: bool) -> None:  # noqa: FBT001 - a row of the table
    """The filter of answers gives an answer whose finish reason and findings say so."""
    ask = Ask("gpt-4.1", stream=stream, text="", mark=None, input_tokens=11)
    reply = AZURE.failure("content_filtered", {"variant": "output"}, id_seed=1, ask=ask)
    assert (reply.status, AZURE.is_stream(reply.headers)) == (200, stream)
    events = AZURE.split_events(reply.body)[0] if stream else [b"data: " + reply.body]
    choices = [each for event in events[: -1 if stream else 1] for each in orjson.loads(event[6:])["choices"]]
    assert choices[-1]["finish_reason"] == "content_filter"
    assert choices[-1]["content_filter_results"]["violence"] == {"filtered": True, "severity": "high"}


RESPONSE = {"model": "gpt-4.1", "input": Mark("7f3a9c", 5, Shape.TEXT, 3).render()}


@pytest.mark.parametrize("path", ["/openai/v1/responses", "/openai/responses?api-version=preview"])
def test_responses(path: str) -> None:
    """The Responses API answers as OpenAI's does, and knows no limits."""
    ask = AZURE.read("POST", path, KEY, orjson.dumps({**RESPONSE, "stream": True}))
    answer = compose(ask, "azure", id_seed=7, created_s=1)
    reply = AZURE.write(ask, answer)
    assert orjson.loads(reply.body)["output"][0]["content"][0]["text"] == answer.text
    events = [event.data for event in AZURE.stream(ask, answer)]
    assert events[-1].startswith(b"event: response.completed\n")
    for headers in (dict(reply.headers), dict(AZURE.stream_head(ask, answer)[1])):
        assert headers["x-ratelimit-remaining-tokens"] == headers["x-ratelimit-remaining-requests"] == "-1"
        assert "apim-request-id" in headers
        assert not [name for name in headers if name.startswith("openai-")]
    assert int(dict(reply.headers)["content-length"]) == len(reply.body)
    assert AZURE.answer_keys_of(ask)[0] == "delta"
    error, failed = AZURE.split_events(AZURE.error_event("timeout", {}, id_seed=1, after=b"".join(events[:5])))[0]
    assert b'"code":"Timeout"' in error
    assert failed.endswith(b'"sequence_number":6}\n\n')


def test_a_limit_of_the_responses_api_names_no_wait() -> None:
    """Its 429 says neither what is left nor how long to wait."""
    ask = AZURE.read("POST", "/openai/v1/responses", KEY, orjson.dumps(RESPONSE))
    headers = dict(AZURE.failure("rate_limited", {"retry_after": 7}, id_seed=1, ask=ask).headers)
    assert headers["x-ratelimit-remaining-tokens"] == "-1"
    assert not {"retry-after", "retry-after-ms"} & headers.keys()


@pytest.mark.parametrize("path", ["/openai/responses", "/openai/deployments/mine/embeddings"])
def test_version_is_needed(path: str) -> None:
    """The older paths are not there without an api-version."""
    with pytest.raises(RequestRefused) as caught:
        AZURE.read("POST", path, KEY, orjson.dumps({**RESPONSE, "messages": []}))
    assert caught.value.reply.status == 404


@pytest.mark.parametrize(
    ("path", "model", "length"),
    [
        ("/openai/deployments/text-embedding-3-large/embeddings?api-version=2024-10-21", None, 3072),
        ("/openai/deployments/mine/embeddings?api-version=2024-10-21", "text-embedding-3-large", 1536),
        ("/openai/v1/embeddings", "text-embedding-3-large", 3072),
    ],
)
def test_embeddings(path: str, model: str | None, length: int) -> None:
    """Embeddings are OpenAI's under the headers of Azure; a deployment's name is the model."""
    body = {"input": "fox"} if model is None else {"input": "fox", "model": model}
    ask = AZURE.read("POST", path, KEY, orjson.dumps(body))
    assert ask.model == (path.split("/")[3] if "deployments" in path else model)
    reply = AZURE.write(ask, compose(ask, "azure", id_seed=7, created_s=1))
    assert len(orjson.loads(reply.body)["data"][0]["embedding"]) == length
    headers = dict(reply.headers)
    assert int(headers["content-length"]) == len(reply.body)
    assert headers["x-ratelimit-reset-tokens"].isdecimal()
    assert "openai-organization" not in headers
    limited = AZURE.failure("rate_limited", {}, id_seed=1, ask=ask)
    assert b"Requests to the Embeddings_Create Operation under" in limited.body
