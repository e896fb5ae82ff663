"""Gemini beyond words: several calls, thoughts, the cache, embeddings, and failures in the form that was asked for."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from banstorm.fakes.account import Accounts
from banstorm.fakes.app import create_app
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Ask, RequestRefused
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable

GEMINI = find("gemini")
HEADERS = {"x-goog-api-key": "AIza-x"}
OLD, NEW = "gemini-2.5-flash", "gemini-3.8-flash"
SAY = [{"role": "user", "parts": [{"text": "Ask the weather and the map about Paris."}]}]
TOOLS = [{"functionDeclarations": [{"name": name, "parameters": {"type": "OBJECT"}} for name in ("weather", "map")]}]


def read(method: str = "generateContent", model: str = NEW, query: str = "", **body: Any) -> Ask:
    """Read a request."""
    whole = body if "ontent" in method and "enerate" not in method else {"contents": SAY, **body}
    return GEMINI.read("POST", f"/v1/models/{model}:{method}{query}", HEADERS, orjson.dumps(whole))


def said(ask: Ask) -> Any:
    """The answer's document."""
    return orjson.loads(GEMINI.write(ask, compose(ask, "gemini", id_seed=7, created_s=1)).body)


def chunks(ask: Ask) -> list[Any]:
    """The chunks of a stream, in either form."""
    written = b"".join(event.data for event in GEMINI.stream(ask, compose(ask, "gemini", id_seed=7, created_s=1)))
    if written.startswith(b"["):
        return list(orjson.loads(written))
    return [orjson.loads(event[6:]) for event in written.split(b"\r\n\r\n") if event]


def complaint(**body: Any) -> str:
    """What a request is refused with."""
    with pytest.raises(RequestRefused) as caught:
        read(**body)
    assert caught.value.reply.status == 400
    return str(orjson.loads(caught.value.reply.body)["error"]["message"])


STREAMS = [("streamGenerateContent", "?alt=sse"), ("streamGenerateContent", "")]


@pytest.mark.parametrize(("method", "query"), [("generateContent", ""), *STREAMS])
def test_several_calls_at_once(method: str, query: str) -> None:
    """Functions that a prompt names are called together, in parts of one content; the first alone is signed."""
    ask = read(method, query=query, tools=TOOLS)
    *_, last = [said(ask)] if method == "generateContent" else chunks(ask)
    parts = last["candidates"][0]["content"]["parts"]
    assert [part["functionCall"]["name"] for part in parts] == ["weather", "map"]
    assert ["thoughtSignature" in part for part in parts] == [True, False]
    assert len({part["functionCall"]["id"] for part in parts}) == 2
    results = [{"functionResponse": {"name": name, "response": {}}} for name in ("weather", "map")]
    history = [*SAY, {"role": "model", "parts": parts}, {"role": "user", "parts": results}]
    assert "text" in said(read(contents=history, tools=TOOLS))["candidates"][0]["content"]["parts"][0]


@pytest.mark.parametrize(("method", "query"), STREAMS)
def test_several_candidates(method: str, query: str) -> None:
    """Older models give several candidates, counted each; a stream gives one after the other."""
    config = {"candidateCount": 3}
    plain = said(read(model=OLD, generationConfig=config))
    assert [candidate["index"] for candidate in plain["candidates"]] == [0, 1, 2]
    found = chunks(read(method, OLD, query, generationConfig=config))
    for index in range(3):
        texts = [
            candidate["content"]["parts"][0]["text"]
            for chunk in found
            for candidate in chunk["candidates"]
            if candidate["index"] == index
        ]
        assert "".join(texts) == plain["candidates"][index]["content"]["parts"][0]["text"]
    assert found[-1]["usageMetadata"] == plain["usageMetadata"]


@pytest.mark.parametrize(
    ("thinking", "tokens"),
    [
        ({"thinkingLevel": "HIGH"}, 1024),
        ({"thinkingLevel": "low"}, 64),
        ({"thinkingBudget": -1}, 256),
        ({"thinkingBudget": 100}, 100),
        ({"thinkingBudget": 0}, 0),
        ({}, 0),
    ],
)
def test_thoughts_are_counted_apart(thinking: Any, tokens: int) -> None:
    """Thoughts are no part of the answer's count, but of the total; nobody sees them without asking."""
    document = said(read(generationConfig={"thinkingConfig": thinking}))
    usage = document["usageMetadata"]
    assert usage.get("thoughtsTokenCount", 0) == tokens
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"] + tokens
    assert len(document["candidates"][0]["content"]["parts"]) == 1


@pytest.mark.parametrize(("method", "query"), STREAMS)
def test_thoughts_are_shown_to_those_who_ask(method: str, query: str) -> None:
    """What was thought comes first, and says that it is a thought."""
    config = {"thinkingConfig": {"thinkingBudget": 64, "includeThoughts": True}}
    parts = said(read(generationConfig=config))["candidates"][0]["content"]["parts"]
    assert [part.get("thought", False) for part in parts] == [True, False]
    first, *rest = chunks(read(method, query=query, generationConfig=config))
    assert first["candidates"][0]["content"]["parts"] == parts[:1]
    assert rest[-1]["usageMetadata"]["thoughtsTokenCount"] == 64
    assert "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in rest) == parts[1]["text"]


def test_cache() -> None:
    """What stands before the last answer comes from the cache, if it is long enough to be there."""

    def usage(letters: int) -> Any:
        turns = ["x" * letters, "so", "and now?"]
        contents = [{"role": ("user", "model")[at % 2], "parts": [{"text": turn}]} for at, turn in enumerate(turns)]
        return said(read(contents=contents))["usageMetadata"]

    assert usage(8_000)["cachedContentTokenCount"] == 2_004
    assert usage(8_000)["promptTokenCount"] > 2_004
    assert "cachedContentTokenCount" not in usage(1_000)


def test_stop_sequences() -> None:
    """An answer ends before a stop sequence, as one that ended by itself."""
    whole = said(read())["candidates"][0]["content"]["parts"][0]["text"]
    stop = whole.split()[3]
    candidate = said(read(generationConfig={"stopSequences": [stop]}))["candidates"][0]
    assert candidate["content"]["parts"][0]["text"] == whole[: whole.index(stop)]
    assert candidate["finishReason"] == "STOP"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"generationConfig": {"candidateCount": 2}}, "Multiple candidates is not enabled for this model"),
        ({"generationConfig": {"candidateCount": 9}, "model": OLD}, "* GenerateContentRequest.generation_config."),
        ({"generationConfig": {"stopSequences": ["a"] * 6}}, "* GenerateContentRequest.generation_config.stop_"),
        ({"generationConfig": {"stopSequences": [1]}}, "Invalid value at 'generation_config.stop_sequences[0]'"),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "DEEP"}}}, "Invalid value at"),
        (
            {"contents": [{"parts": [{"text": "x" * 4_200_000}]}]},
            "The input token count (1050004) exceeds the maximum number of tokens allowed (1048576).",
        ),
    ],
)
def test_complaints(body: Any, says: str) -> None:
    """What can't be granted is refused in the vendor's way."""
    assert complaint(**body).startswith(says)


def test_embeddings() -> None:
    """A text has its vector, of length one, alone and in a batch; the prompt is counted."""
    content = {"parts": [{"text": "hello there"}]}
    ask = read("embedContent", "gemini-embedding-001", content=content, outputDimensionality=64)
    vector = said(ask)["embedding"]["values"]
    assert (len(vector), ask.operation, ask.input_tokens) == (64, "embeddings", 3)
    assert math.isclose(sum(value * value for value in vector), 1, rel_tol=1e-3)
    other = {"content": {"parts": [{"text": "goodbye"}]}}
    batch = {"requests": [{"content": content, "outputDimensionality": 64}, other]}
    found = [each["values"] for each in said(read("batchEmbedContents", "gemini-embedding-001", **batch))["embeddings"]]
    assert found[0] == vector
    assert len(found[1]) == 3072


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("embedContent", {}),
        ("embedContent", {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 0}),
        ("batchEmbedContents", {"requests": []}),
        ("batchEmbedContents", {"requests": [{"content": {"parts": [{"text": "a"}]}}] * 101}),
    ],
)
def test_embeddings_refused(method: str, body: Any) -> None:
    """Nothing to embed, too much of it, or vectors that there aren't are refused."""
    assert complaint(method=method, **body).startswith("* ")


def test_pages_of_models() -> None:
    """Models come in pages; the last has no token for another."""
    found: list[str] = []
    token = ""
    while True:
        ask = GEMINI.read("GET", f"/v1beta/models?pageSize=3&pageToken={token}", HEADERS, b"")
        page = said(ask)
        found += [model["name"] for model in page["models"]]
        if "nextPageToken" not in page:
            break
        token = page["nextPageToken"]
    assert found == [model["name"] for model in said(GEMINI.read("GET", "/v1/models", HEADERS, b""))["models"]]
    assert "models/gemini-embedding-001" in found


def test_failures_in_the_form_asked_for() -> None:
    """A failure of a stream without events is an array; inside one it goes on the array; plain ones are objects."""
    plain, events, array = read(), read(*STREAMS[0][:1], query="?alt=sse"), read("streamGenerateContent")
    assert "error" in orjson.loads(GEMINI.failure("overloaded", {}, id_seed=1, ask=plain).body)
    assert "error" in orjson.loads(GEMINI.failure("overloaded", {}, id_seed=1, ask=events).body)
    assert "error" in orjson.loads(GEMINI.failure("overloaded", {}, id_seed=1, ask=array).body)[0]
    written = [event.data for event in GEMINI.stream(array, compose(array, "x", id_seed=1, created_s=1))]
    for count in (0, 1, 3):
        begun = b"".join(written[:count])
        whole = orjson.loads(begun + GEMINI.error_event("overloaded", {}, id_seed=1, ask=array, after=begun))
        assert (len(whole), whole[-1]["error"]["code"]) == (count + 1, 503)
    unknown = GEMINI.error_event("overloaded", {}, id_seed=1, after=written[0])
    assert orjson.loads(written[0] + unknown)[-1]["error"]["code"] == 503
    assert GEMINI.error_event("overloaded", {}, id_seed=1, ask=events).startswith(b'data: {"error"')


@pytest.mark.parametrize(
    ("kind", "variant", "candidates"),
    [
        ("content_filtered", None, None),
        ("content_filtered", "answer", [{"content": {}, "finishReason": "SAFETY", "index": 0}]),
        ("error_in_200", None, [{"finishReason": "PUP_LIMITED_DISABLED", "index": 0}]),
        ("error_in_200", "malformed_call", [{"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]),
        ("error_in_200", "no_parts", [{"content": {"role": "model"}, "finishReason": "STOP", "index": 0}]),
        ("error_in_200", "no_candidates", None),
    ],
)
def test_answers_without_content(kind: str, variant: str | None, candidates: Any) -> None:
    """A proper 200 may say nothing in several ways."""
    details = {"variant": variant} if variant else {}
    reply = GEMINI.failure(kind, details, id_seed=1, ask=read())
    document = orjson.loads(reply.body)
    assert (reply.status, document.get("candidates"), document["modelVersion"]) == (200, candidates, NEW)
    assert ("promptFeedback" in document) == (kind == "content_filtered" and variant is None)


@pytest.mark.parametrize(
    ("kind", "variant", "says"),
    [
        ("overloaded", "2025", "The model is overloaded. Please try again later."),
        ("bad_key", "not_found", "API Key not found. Please pass a valid API key."),
        ("capacity_exceeded", "shared", "Resource exhausted. Please try again later."),
    ],
)
def test_other_words(kind: str, variant: str, says: str) -> None:
    """What the vendor said before, or says elsewhere, can be had by name."""
    body = orjson.loads(GEMINI.failure(kind, {"variant": variant}, id_seed=1).body)
    assert body["error"]["message"].startswith(says)


@pytest.mark.parametrize(("query", "kind"), [("", list), ("?alt=sse", dict)])
async def test_a_customers_refusal_in_the_form_asked_for(query: str, kind: type) -> None:
    """What a customer in bad standing is refused with is an array where an array was asked for."""
    accounts = Accounts(GEMINI.failures, seed=1)
    accounts.change("org_disabled")
    app = create_app("x", GEMINI, Pace(), run_seed=1, bill=lambda _: None, prices=PriceTable.load(), account=accounts)
    target = f"/v1/models/{NEW}:streamGenerateContent"
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": orjson.dumps({"contents": SAY}), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": target,
        "query_string": query[1:].encode(),
        "headers": [(b"x-goog-api-key", b"AIza-x")],
    }
    await app(scope, receive, send)
    assert sent[0]["status"] == 403
    assert isinstance(orjson.loads(sent[1]["body"]), kind)
