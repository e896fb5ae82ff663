"""The OpenAI front: what a caller sends and how it hears the answer."""

import json
from itertools import pairwise

import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape, find_mark
from banstorm.harness.load.front import filler, find_front
from banstorm.harness.load.openai_chat import FRONT
from banstorm.harness.load.sse import EVENT_BYTES_MAX, SseError, SseSplitter
from hypothesis import given
from hypothesis import strategies as st

MARK = Mark("7f3a9c", 12, Shape.TEXT, 24)


def event(data):
    """One event of a stream."""
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def chunk(delta, finish=None):
    """A chunk."""
    return event({"model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None})


USAGE = event({"model": "m-1", "choices": [], "usage": {"completion_tokens": 24}})
DONE = event(b"[DONE]")
TEXT = chunk({"role": "assistant", "content": ""}) + chunk({"content": "Grüße"}) + chunk({"content": " ~a"})
GOOD = TEXT + chunk({}, "stop") + USAGE + DONE


def hear(*pieces):
    """Read a stream that ends after `pieces`."""
    reader = FRONT.stream_reader()
    for piece in pieces:
        reader.feed(piece)
    reader.close()
    return reader.heard


def request(shape, *, stream=False, call=12):
    """A request's body, parsed."""
    return json.loads(FRONT.writer("banstorm", 7).body(Mark("7f3a9c", call, shape, 24), stream=stream))


@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_ends_in_its_mark_and_leaves_room_for_the_answer(shape, stream):
    """The mark stands at the end of the last user content, after a filler; max_tokens is ample; usage is asked for."""
    body = request(shape, stream=stream)
    content = body["messages"][-1]["content"]
    mark = Mark("7f3a9c", 12, shape, 24)
    assert body["messages"][-1]["role"] == "user"
    assert content.endswith(mark.render())
    assert len(content) > len(mark.render()) + 20
    assert find_mark(content) == mark
    assert body["model"] == "banstorm"
    assert body["max_tokens"] == 4 * 24 + 64
    assert body.get("stream", False) == stream
    assert (body.get("stream_options") == {"include_usage": True}) == stream


def test_each_shape_is_asked_for_in_the_dialects_own_way():
    """JSON by a strict schema, a tool by offering and forcing it, text by neither."""
    text, schema, tool = (request(shape) for shape in Shape)
    assert "response_format" not in text
    assert "tools" not in text
    assert schema["response_format"]["type"] == "json_schema"
    assert schema["response_format"]["json_schema"]["strict"] is True
    assert schema["response_format"]["json_schema"]["schema"] == ANSWER_SCHEMA
    assert tool["tools"][0]["function"]["parameters"] == ANSWER_SCHEMA
    assert tool["tool_choice"] == {"type": "function", "function": {"name": TOOL_NAME}}


def test_fillers_vary_by_call_and_repeat_by_seed():
    """The sentences before the mark are drawn by seed and call."""
    prompts = {request(Shape.TEXT, call=call)["messages"][-1]["content"].split("[[")[0] for call in range(1, 40)}
    assert len(prompts) > 5
    assert request(Shape.TEXT) == request(Shape.TEXT)


def test_a_key_is_sent_as_a_bearer_token_and_none_is_not():
    """Authorization is there exactly if there is a key."""
    assert FRONT.headers("sk-x")["Authorization"] == "Bearer sk-x"
    assert "Authorization" not in FRONT.headers(None)


@given(st.lists(st.integers(0, len(GOOD)), max_size=8))
def test_a_stream_reads_the_same_wherever_it_is_cut(cuts):
    """Pieces may end in the middle of an event, of a line, of a character."""
    bounds = [0, *sorted(cuts), len(GOOD)]
    heard = hear(*(GOOD[a:b] for a, b in pairwise(bounds)))
    assert (heard.text, heard.finish, heard.ended) == ("Grüße ~a", "stop", True)
    assert (heard.model, heard.output_tokens) == ("m-1", 24)


def test_the_first_token_is_the_first_content_not_the_role():
    """An opening chunk with an empty content is no token; a first word or a first piece of arguments is."""
    reader = FRONT.stream_reader()
    reader.feed(chunk({"role": "assistant", "content": ""}))
    assert not reader.first
    reader.feed(chunk({"tool_calls": [{"index": 0, "function": {"name": TOOL_NAME, "arguments": ""}}]}))
    assert not reader.first
    reader.feed(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]}))
    assert reader.first
    text = FRONT.stream_reader()
    text.feed(chunk({"content": "x"}))
    assert text.first


def test_a_tool_call_is_put_together_from_its_deltas():
    """Name from the first delta, arguments joined."""
    first = chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": TOOL_NAME, "arguments": ""}}]})
    rest = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}) for part in ('{"a', '":1}')]
    heard = hear(first, *rest, chunk({}, "tool_calls"), DONE)
    assert (heard.tool, heard.arguments, heard.finish, heard.ended) == (TOOL_NAME, '{"a":1}', "tool_calls", True)


@pytest.mark.parametrize(
    ("stream", "ended", "error", "malformed"),
    [
        (GOOD, True, None, False),
        (GOOD.replace(b"\n", b"\r\n"), True, None, False),
        (b": ping\n\nevent: x\nid: 3\n" + GOOD, True, None, False),
        (GOOD[:-1], True, None, False),  # [DONE] without its blank line
        (GOOD[:-2], True, None, False),
        (TEXT + chunk({}, "stop") + USAGE, False, None, False),  # no [DONE]
        (TEXT + DONE, False, None, False),  # no finish reason
        (TEXT + event({"error": {"type": "server_error", "code": None}}), False, "server_error", False),
        (TEXT + event({"error": {"type": "a", "code": "b"}}) + DONE, False, "b", False),
        (TEXT + event({"error": "out of luck"}), False, "out of luck", False),
        (TEXT + event({"error": {}}) + chunk({}, "stop") + DONE, True, None, False),  # empty: not an error to the SDK
        (TEXT + event(b"{nope"), False, None, True),
        (TEXT + event(b"[1, 2]"), False, None, True),
        (TEXT + chunk({"content": 5}), False, None, True),
        (TEXT + b'data: {"choices": [{"del', False, None, False),  # cut in an event
        (b'{"choices": [{"message": {"content": "plain"}}]}', False, None, False),  # no stream at all
        (b"", False, None, False),
    ],
)
def test_a_streams_ending_is_told_apart(stream, ended, error, malformed):
    """Proper, without an end, with an error object, unreadable: as the official SDK would see it."""
    heard = hear(stream)
    assert (heard.ended, heard.error, heard.malformed is not None) == (ended, error, malformed)


def test_what_follows_done_is_not_read():
    """As in the SDK, ``[DONE]`` is the end."""
    assert hear(GOOD + chunk({"content": "more"})).text == "Grüße ~a"


def test_an_endless_event_is_malformed_instead_of_filling_memory():
    """An event has a longest length."""
    with pytest.raises(SseError):
        SseSplitter().feed(b"data: " + b"x" * EVENT_BYTES_MAX)
    assert hear(b"data: " + b"x" * EVENT_BYTES_MAX).malformed is not None


def completion(**message):
    """A plain answer's body."""
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": "stop"}
    return {"id": "1", "model": "m-1", "choices": [choice], "usage": {"completion_tokens": 24}}


@pytest.mark.parametrize(
    ("body", "text", "arguments"),
    [
        (completion(content="hello"), "hello", ""),
        (completion(content=None), "", ""),
        (completion(contents="renamed"), "", ""),
        (completion(content=[{"type": "text", "text": "x"}]), '[{"type": "text", "text": "x"}]', ""),
        (completion(content=None, tool_calls=[{"function": {"name": TOOL_NAME, "arguments": "{}"}}]), "", "{}"),
        ({"choices": []}, "", ""),
        ({"output": "another dialect"}, "", ""),
    ],
)
def test_a_plain_body_is_read_as_the_sdk_reads_it(body, text, arguments):
    """A missing or renamed field is null, nothing is validated."""
    heard = FRONT.read_body(json.dumps(body).encode())
    assert (heard.text, heard.arguments, heard.ended, heard.malformed) == (text, arguments, True, None)


def test_a_plain_body_tells_model_finish_and_tokens():
    """What the answer reports of itself."""
    heard = FRONT.read_body(json.dumps(completion(content="x")).encode())
    assert (heard.model, heard.finish, heard.output_tokens) == ("m-1", "stop", 24)


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1]", b"\xff\xfe", b'{"choices": "no"}', b"", b"null"])
def test_a_body_that_is_no_completion_is_malformed_and_keeps_its_text(body):
    """The text is kept so that another call's words in it are still found."""
    heard = FRONT.read_body(body)
    assert heard.malformed is not None
    assert heard.text == body.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"error": {"message": "m", "type": "requests", "code": "rate_limit_exceeded"}}', "rate_limit_exceeded"),
        (b'{"error": {"message": "m", "type": "server_error", "code": null}}', "server_error"),
        (b'{"error": {"message": "m", "code": 502}}', "502"),
        (b'{"error": "plain words"}', "plain words"),
        (b'{"detail": "Not Found"}', "http_418"),
        (b"<html>", "http_418"),
        (b"", "http_418"),
        (b"[]", "http_418"),
    ],
)
def test_an_errors_name_is_its_code_else_its_type_else_the_status(body, name):
    """What the ledger calls an error."""
    assert FRONT.read_error(418, body) == name


def test_a_front_is_found_by_its_files_name():
    """A new front is a new file."""
    assert find_front("openai_chat") is FRONT
    with pytest.raises(LookupError, match="'nope'"):
        find_front("nope")


@pytest.mark.parametrize("words", [1, 2, 17, 79, 80, 81, 1000, 100_000])
def test_a_prompt_has_the_words_that_were_asked_for(words):
    """Words from the filler in a row, from a place that the seed draws, single blanks between them."""
    found = filler(7, 12, words)
    assert words == len(found.split(" "))
    assert found == found.strip()
    assert found == filler(7, 12, words)
    assert 1 < len({filler(7, call, words) for call in range(50)})


def test_a_prompts_length_reaches_the_request():
    """The words stand before the mark, which is the last."""
    mark = Mark("7f3a9c", 3, Shape.TEXT, 24)
    body = json.loads(FRONT.writer("banstorm", 7).body(mark, stream=False, prompt=500))
    content = body["messages"][-1]["content"]
    assert content.endswith(mark.render())
    assert 500 == len(content.removesuffix(mark.render()).split())
