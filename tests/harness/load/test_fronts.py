"""Every front: what it writes the vendor's dialect understands, and what the dialect answers it reads as it is."""

import json

import httpx
import pytest
from banstorm.fakes.answer import TOOL_NAME, Mark, Reading, Shape, expected, expected_object, inspect
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from banstorm.harness.load.anthropic_messages import FRONT as ANTHROPIC
from banstorm.harness.load.front import find_front, fronts
from banstorm.harness.load.openai_responses import FRONT as RESPONSES
from banstorm.harness.load.outcome import Ending, judge

DIALECT = {"anthropic_messages": "anthropic", "openai_chat": "openai", "openai_responses": "openai"}


def event(data):
    """One event of a stream."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


async def call(name, mark, *, stream):
    """Let the fake of the front's dialect answer the front's request: status and body."""
    front = find_front(name)
    app = create_app(
        "fake", find(DIALECT[name]), Pace(0, 100_000, 0.0), run_seed=1, bill=lambda _: None, prices=PriceTable.load()
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://fake/v1") as client:
        body = front.writer("some-model", 7).body(mark, stream=stream)
        answer = await client.post(front.path, content=body, headers=front.headers("sk-x"))
    return answer.status_code, answer.content


def hear(front, body):
    """Read a stream's body byte by byte."""
    reader = front.stream_reader()
    for place in range(len(body)):
        reader.feed(body[place : place + 1])
    reader.close()
    return reader


def test_every_front_is_found_by_its_file():
    """The files of the folder that define one, and nothing else."""
    assert sorted(DIALECT) == fronts()
    for name in fronts():
        assert name == find_front(name).name


@pytest.mark.parametrize("name", sorted(DIALECT))
@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("stream", [False, True])
async def test_the_dialects_own_answer_is_heard_whole(name, shape, stream):
    """Text, a JSON document and a forced tool call come back exactly, plain and streamed, with model and tokens."""
    mark = Mark("7f3a9c", 12, shape, 24)
    status, body = await call(name, mark, stream=stream)
    assert 200 == status, body
    heard = hear(find_front(name), body).heard if stream else find_front(name).read_body(body)
    if shape is Shape.TEXT:
        assert expected(mark, "fake") == heard.text.strip()
    else:
        assert expected_object(mark, "fake") == json.loads(heard.arguments if shape is Shape.TOOL else heard.text)
    assert (TOOL_NAME if shape is Shape.TOOL else None) == heard.tool
    assert heard.ended
    assert "length" != heard.finish
    assert 24 <= heard.output_tokens
    assert "some-model" in heard.model
    assert "ok" == judge(mark, heard, Ending.COMPLETE, 200, latency_ns=1, deadline_ns=2).outcome


@pytest.mark.parametrize("name", sorted(DIALECT))
async def test_a_stream_that_stops_early_never_ends_well(name):
    """Cut after any event but the last ones, the stream is a prefix, and its end was not seen."""
    mark = Mark("7f3a9c", 12, Shape.TEXT, 24)
    _, body = await call(name, mark, stream=True)
    events = body.split(b"\n\n")
    for cut in range(1, len(events) - 4):
        heard = hear(find_front(name), b"\n\n".join([*events[:cut], b""])).heard
        assert not heard.ended
        if inspect(heard.text, mark).reading is Reading.PREFIX:
            verdict = judge(mark, heard, Ending.COMPLETE, 200, latency_ns=1, deadline_ns=2)
            assert ("truncated", False) == (verdict.outcome, verdict.terminated)


ANTHROPIC_HEAD = event({"type": "message_start", "message": {"model": "m"}}) + event(
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "~a"}}
)
STREAMS = {
    "an error event": (
        ANTHROPIC,
        ANTHROPIC_HEAD + event({"type": "error", "error": {"type": "overloaded_error", "message": "…"}}),
        ("overloaded_error", None, False, None),
    ),
    "a ping and an unknown event": (
        ANTHROPIC,
        event({"type": "ping"}) + event({"type": "new"}),
        (None, None, False, None),
    ),
    "cut off by its limit": (
        ANTHROPIC,
        event({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}) + event({"type": "message_stop"}),
        (None, "length", True, None),
    ),
    "no JSON": (
        ANTHROPIC,
        ANTHROPIC_HEAD + b"data: {oops\n\n",
        (None, None, False, "malformed_event: JSONDecodeError"),
    ),
    "a failed response": (
        RESPONSES,
        event({"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error"}}}),
        ("server_error", "failed", False, None),
    ),
    "an incomplete response": (
        RESPONSES,
        event(
            {
                "type": "response.incomplete",
                "response": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            }
        ),
        (None, "length", True, None),
    ),
    "an error of the responses API": (
        RESPONSES,
        event({"type": "error", "code": "rate_limit_exceeded", "message": "…"}),
        ("rate_limit_exceeded", None, False, None),
    ),
}


@pytest.mark.parametrize("case", STREAMS)
def test_a_streams_end_is_read_as_the_sdk_reads_it(case):
    """Error, finish, whether its own end was seen, and what was malformed."""
    front, body, found = STREAMS[case]
    heard = hear(front, body).heard
    assert found == (heard.error, heard.finish, heard.ended, heard.malformed)


ERRORS = {
    "Anthropic's envelope": (ANTHROPIC, b'{"type":"error","error":{"type":"api_error","message":"x"}}', "api_error"),
    "no envelope": (ANTHROPIC, b"<html>", "http_502"),
    "OpenAI's envelope": (
        RESPONSES,
        b'{"error":{"message":"x","type":"t","code":"insufficient_quota"}}',
        "insufficient_quota",
    ),
    "an empty body": (RESPONSES, b"", "http_502"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_errors_name_is_the_vendors_own(case):
    """Its type or code, else the status."""
    front, body, name = ERRORS[case]
    assert name == front.read_error(502, body)


@pytest.mark.parametrize("front", [ANTHROPIC, RESPONSES])
@pytest.mark.parametrize("body", [b"", b"no", b"[]", b'{"content": 3, "output": 3}'])
def test_a_body_that_is_no_answer_is_malformed(front, body):
    """It is kept as text, and no exception leaves the reader."""
    heard = front.read_body(body)
    assert heard.malformed
    assert body.decode() == heard.text
