from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Ask, UnknownFailureError

OPENAI = find("openai")
KEY = {"authorization": "Bearer sk-proj-x"}
PATHS = {"": "/v1/chat/completions", "responses": "/v1/responses"}
BOTH = {"messages": [{"role": "user", "content": "x"}], "input": "x"}


def read(api: str = "", **body: Any) -> Ask:
    """A request to one of the two APIs."""
    text = Mark("7f3a9c", 5, Shape.TEXT, 3).render()
    asked = {"model": "gpt-5.5", "messages": [{"role": "user", "content": text}], "input": text, **body}
    return OPENAI.read("POST", PATHS[api], KEY, orjson.dumps(asked))


def events(ask: Ask) -> list[bytes]:
    """A streamed answer of three words."""
    return [event.data for event in OPENAI.stream(ask, compose(ask, "openai", id_seed=77, created_s=1_769_092_764))]


def payloads(stream: bytes) -> list[Any]:
    """The JSON of each event that has some."""
    found = [event.partition(b"data: ")[2] for event in OPENAI.split_events(stream)[0]]
    return [orjson.loads(data) for data in found if data != b"[DONE]\n\n"]


@pytest.mark.parametrize("sent", range(1, 12))
def test_an_error_goes_on_from_the_stream(sent: int) -> None:
    """In a response's stream an error has the next number, and the failed response is the one that began."""
    begun = events(read("responses", stream=True, input=Mark("7f3a9c", 5, Shape.TEXT, 9).render()))[:sent]
    created = payloads(begun[0])[0]["response"]
    for after in (b"".join(begun), begun[0] + begun[-1]):
        error, failed = payloads(OPENAI.error_event("overloaded", {}, id_seed=1, after=after))
        assert (error["type"], error["sequence_number"]) == ("error", sent)
        assert error["error"]["code"] == "server_is_overloaded"
        assert (failed["type"], failed["sequence_number"]) == ("response.failed", sent + 1)
        assert {key: failed["response"][key] for key in ("id", "created_at", "model", "status")} == {
            "id": created["id"],
            "created_at": 1_769_092_764,
            "model": "gpt-5.5",
            "status": "failed",
        }


@pytest.mark.parametrize(
    ("api", "details", "first"),
    [
        ("", {}, b'data: {"error":{'),
        ("responses", {}, b"event: error\n"),
        ("responses", {"api": ""}, b'data: {"error":{'),  # who says it knows better
        ("responses", {"sequence_number": 9}, b"event: error\n"),
    ],
)
def test_the_request_chooses_the_form_of_an_error(api: str, details: dict[str, Any], first: bytes) -> None:
    """An error before any event has the form of the API that was asked."""
    ask = read(api, stream=True)
    assert OPENAI.error_event("server_error", details, id_seed=1, ask=ask).startswith(first)
    if api == "" or "sequence_number" in details:
        whole = b"".join(events(ask)[:3])
        assert OPENAI.error_event("server_error", details, id_seed=1, ask=ask, after=whole).startswith(first)


@pytest.mark.parametrize("after", [b"", b": hello\n\n", b"data: [DONE]\n\n", b"data: 5\n\n", b"data: {\n\n", b"\xff"])
def test_whatever_came_before(after: bytes) -> None:
    """A stream that says nothing about itself leaves an error as it is."""
    assert OPENAI.error_event("overloaded", {}, id_seed=1, after=after) == OPENAI.error_event(
        "overloaded", {}, id_seed=1
    )


@pytest.mark.parametrize(
    ("api", "stream", "expected"),
    [
        ("", False, ["error"]),
        ("", True, ["error"]),
        ("responses", False, ["response"]),
        ("responses", True, ["response.created", "response.in_progress", "error", "response.failed"]),
    ],
)
def test_error_in_200(api: str, stream: bool, expected: list[str]) -> None:  # noqa: FBT001 - a row of the table
    """A failure behind a head of 200 is a body or a stream, as it was asked for, with the error of its cause in it."""
    reply = OPENAI.failure("error_in_200", {"cause": "overloaded"}, id_seed=1, ask=read(api, stream=stream))
    assert reply.status == 200
    assert OPENAI.is_stream(reply.headers) == stream
    said = payloads(reply.body) if stream else [orjson.loads(reply.body)]
    assert expected == [each.get("type", each.get("object", "error")) for each in said]
    assert b"currently overloaded" in reply.body
    assert ("status" in said[-1]) == (expected == ["response"])
    if expected[1:]:
        assert [each["sequence_number"] for each in said] == [0, 1, 2, 3]
        assert {each["response"]["id"] for each in said if "response" in each} == {said[0]["response"]["id"]}


def test_error_in_200_of_no_cause() -> None:
    """A cause that the vendor doesn't have is refused by name."""
    with pytest.raises(UnknownFailureError, match="meteor"):
        OPENAI.failure("error_in_200", {"cause": "meteor"}, id_seed=1)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("api", "variant", "says", "ends"),
    [
        ("", "refusal", '"refusal":', '"finish_reason":"stop"'),
        ("", "output", "", '"finish_reason":"content_filter"'),
        ("responses", "refusal", '"type":"refusal"', '"status":"completed"'),
        ("responses", "output", "", '"incomplete_details":{"reason":"content_filter"}'),
    ],
)
def test_no_answer(api: str, variant: str, says: str, ends: str, stream: bool) -> None:  # noqa: FBT001 - a row
    """A model that refuses, and an answer that is kept back, are proper answers of their API, whole and streamed."""
    ask = read(api, stream=stream)
    reply = OPENAI.failure("content_filtered", {"variant": variant}, id_seed=1, ask=ask)
    assert (reply.status, OPENAI.is_stream(reply.headers)) == (200, stream)
    body = reply.body.decode()
    assert says in body
    assert ends in body
    assert "~" not in body
    joined = "".join(each.get("delta", "") for each in payloads(reply.body) if each.get("type", "").endswith("delta"))
    if stream and api and variant == "refusal":
        assert joined == "I'm sorry, but I can't help with that."


@pytest.mark.parametrize("api", ["", "responses"])
def test_kept_back_in_mid_stream(api: str) -> None:
    """A stream whose answer is kept back ends properly, as what it was."""
    begun = b"".join(events(read(api, stream=True))[:6])
    ending = OPENAI.error_event("content_filtered", {"variant": "output"}, id_seed=1, after=begun)
    [last] = payloads(ending)
    before = payloads(begun)
    if api:
        assert (last["type"], last["sequence_number"]) == ("response.incomplete", 6)
        assert last["response"]["id"] == before[0]["response"]["id"]
        assert last["response"]["incomplete_details"] == {"reason": "content_filter"}
    else:
        assert ending.endswith(b"data: [DONE]\n\n")
        assert (last["id"], last["created"]) == (before[0]["id"], before[0]["created"])
        assert last["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    ("api", "kind", "details", "status", "says"),
    [
        ("", "context_too_long", {}, 400, "This model's maximum context length is 272000 tokens. However, your messag"),
        ("responses", "context_too_long", {}, 400, "Your input exceeds the context window of this model."),
        ("responses", "context_too_long", {"variant": "completion"}, 400, "However, you requested 304000 tokens"),
        ("responses", "model_not_found", {}, 404, "The model `gpt-5.5` does not exist"),
        ("responses", "model_not_found", {"variant": "400"}, 400, "The requested model 'gpt-5.5' does not exist."),
        ("", "model_not_found", {"model": "mine"}, 404, "The model `mine` does not exist"),
        ("", "overloaded", {"variant": "429"}, 429, '"code":"server_is_overloaded"'),
        ("", "spend_capped", {"variant": "classic"}, 429, '"code":"insufficient_quota"'),
        ("", "oauth_expired", {}, 401, '"code":"token_expired"'),
        ("", "billing_problem", {"variant": "400"}, 400, '"code":"billing_hard_limit_reached"'),
        ("", "bad_request", {"variant": "above_maximum"}, 400, "Expected a value <= 2, but got 200 instead."),
        (
            "",
            "rate_limited",
            {"limit": "requests", "ceiling": 5, "remaining": 0, "requested": 1},
            429,
            "on requests per min (RPM): Limit 5, Used 5, Requested 1.",
        ),
        (
            "",
            "rate_limited",
            {"limit": "tokens", "ceiling": 900, "remaining": 300, "requested": 400},
            429,
            "on tokens per min (TPM): Limit 900, Used 600, Requested 400.",
        ),
        (
            "",
            "daily_limited",
            {"limit": "tokens", "ceiling": 900, "requested": 40},
            429,
            "on tokens per day (TPD): Limit 900, Used 900, Requested 40.",
        ),
        (
            "",
            "request_over_limit",
            {"limit": "tokens", "ceiling": 900, "requested": 1000},
            429,
            "Limit 900, Requested 1000.",
        ),
    ],
)
def test_words_that_suit(api: str, kind: str, details: dict[str, Any], status: int, says: str) -> None:
    """The API, the model and the quota's figures stand in the words; what the caller says goes before."""
    reply = OPENAI.failure(kind, details, id_seed=1, ask=read(api))
    assert reply.status == status
    assert says in reply.body.decode()


def test_moments_without_a_clock() -> None:
    """A window's reset is a moment also when nobody says what time it is: it counts from the start of 2026."""
    reply = OPENAI.failure("window_drained", {"retry_after": 50}, id_seed=1)
    assert orjson.loads(reply.body)["error"]["resets_at"] == 1_767_225_650
    assert dict(reply.headers)["x-codex-primary-reset-at"] == "1767225650"
    told = OPENAI.failure("window_drained", {"retry_after": 50, "now_s": 1_000}, id_seed=1)
    assert dict(told.headers)["x-codex-primary-reset-at"] == "1050"


def test_keys_of_an_answer() -> None:
    """A response's stream has its words under `delta`, chat completions under `content`."""
    for api in PATHS:
        ask = read(api, stream=True)
        words = [event for event in events(ask) if b"~" in event]
        assert len(words) == 3
        assert all(any(f'"{key}":"~'.encode() in word for key in OPENAI.answer_keys_of(ask)) for word in words)
    assert OPENAI.answer_keys_of(None) == OPENAI.answer_keys
