from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape, expected
from banstorm.fakes.dialects import find
from banstorm.fakes.pace import Pace
from hypothesis import given, settings
from hypothesis import strategies as st

MARK = Mark("7f3a9c", 12, Shape.TEXT, 6)
QUESTION = f"hello {MARK.render()}"
CHAT_PATHS = ("/v1/chat/completions", "/v1/messages")
PATIENCE_S = 20  # no test gets anywhere near it; a hang fails instead of hanging
ONE_AT_ONCE = Pace(ttft_s=0, tokens_per_second=0.001)


async def test_plain_and_streamed_say_the_same(fake) -> None:
    """The words of a mark come back plain and streamed, and each request is billed once, by attempt."""
    headers = {**_headers(fake), "x-banstorm-attempt": "7f3a9c-1"}
    plain = await fake.post(fake.question(QUESTION), headers=headers)
    streamed = await fake.post(fake.question(QUESTION, stream=True), headers=headers)
    assert (plain.status, streamed.status) == (200, 200)
    assert plain.body.count(b"~") == streamed.body.count(b"~") == 6
    assert expected(MARK, fake.name) in plain.body.decode()
    assert plain.headers["content-length"] == str(len(plain.body))
    assert [(bill.attempt, bill.produced_tokens, bill.completed, bill.priced) for bill in fake.bills] == [
        ("7f3a9c-1", 6, True, True)
    ] * 2
    assert all(bill.usd > 0 and bill.input_tokens > 0 for bill in fake.bills)


async def test_same_question_same_bytes(fake) -> None:
    """An answer's bytes are a function of the request and the run's seed, but for the time of day."""
    first = (await fake.post(fake.question(QUESTION))).document
    second = (await fake.post(fake.question(QUESTION))).document
    first.pop("created", None), second.pop("created", None)
    assert first == second


async def test_ids_differ_between_calls(fake) -> None:
    """Two calls don't share ids."""
    other = Mark("7f3a9c", 13, Shape.TEXT, 6)
    first = (await fake.post(fake.question(QUESTION))).document
    second = (await fake.post(fake.question(other.render()))).document
    assert first["id"] != second["id"]


async def test_caller_leaves_a_stream(provider, make_fake) -> None:
    """A caller that goes away in the middle of a stream is noticed at once and billed for what was produced."""
    fake = make_fake(provider, ONE_AT_ONCE)
    leave = asyncio.Event()

    def on_send(answered: Any) -> None:
        if answered.sends:
            leave.set()

    async with asyncio.timeout(PATIENCE_S):
        answered = await fake.post(fake.question(QUESTION, stream=True), leave=leave, on_send=on_send)
    assert not answered.ended
    assert answered.body.count(b"~") == 1
    [bill] = fake.bills
    assert (bill.produced_tokens, bill.completed) == (1, False)
    assert bill.usd > 0


async def test_caller_leaves_before_a_plain_answer(provider, make_fake) -> None:
    """A caller that goes away while its plain answer is made is billed for its prompt and the tokens so far."""
    fake = make_fake(provider, ONE_AT_ONCE)
    leave = asyncio.Event()
    asyncio.get_running_loop().call_soon(leave.set)
    async with asyncio.timeout(PATIENCE_S):
        answered = await fake.post(fake.question(QUESTION), leave=leave)
    assert answered.status == 0
    [bill] = fake.bills
    assert (bill.produced_tokens, bill.completed) == (1, False)
    assert bill.input_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
async def test_cancelled(provider, make_fake, stream) -> None:
    """A request that is cancelled with its server is billed as well."""
    fake = make_fake(provider, ONE_AT_ONCE)
    watched = asyncio.Event()
    request = asyncio.create_task(fake.post(fake.question(QUESTION, stream=stream), watched=watched))
    await asyncio.wait_for(watched.wait(), PATIENCE_S)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    [bill] = fake.bills
    assert (bill.produced_tokens, bill.completed) == (1, False)


async def test_caller_leaves_while_sending(fake) -> None:
    """A request whose body never became whole is billed for nothing, and nothing is answered."""
    answered = await fake.post(b'{"model":', whole=False)
    assert answered.status == 0
    [bill] = fake.bills
    assert (bill.model, bill.input_tokens, bill.produced_tokens, bill.usd, bill.completed) == ("", 0, 0, 0.0, False)


async def test_refused_is_billed_for_nothing(fake) -> None:
    """A refused request has its bill as well: of zero."""
    answered = await fake.post(b"{", headers={**_headers(fake), "x-banstorm-attempt": "a"})
    assert answered.status == 400
    [bill] = fake.bills
    assert (bill.attempt, bill.input_tokens, bill.usd, bill.completed) == ("a", 0, 0.0, False)


async def test_body_in_parts(fake) -> None:
    """A body that arrives in parts is the same request."""
    raw = orjson.dumps(fake.question(QUESTION))
    answered = await fake.post(raw, parts=[raw[:7], b"", raw[7:40], raw[40:]])
    assert answered.body.count(b"~") == 6


@pytest.mark.parametrize("announced", [True, False])
async def test_too_large(provider, make_fake, announced) -> None:
    """A body over the vendor's cap gets the vendor's 413, whether its length was announced or not."""
    vendor: Any = type(find(provider))
    small = type("Small", (vendor,), {"body_bytes_max": 100})()
    fake = make_fake(provider, dialect=small)
    raw = orjson.dumps(fake.question("x" * 200))
    headers = _headers(fake) | ({"content-length": str(len(raw))} if announced else {})
    answered = await fake.post(raw, headers=headers, parts=[raw[:90], raw[90:]])
    assert answered.status == 413
    assert answered.document == orjson.loads(small.failure("request_too_large", {}, id_seed=0).body)
    assert len(fake.bills) == 1


async def test_tokens_due_together_leave_together(fake, provider, make_fake, monkeypatch) -> None:
    """When sending has fallen behind the clock, everything due goes out in one piece, and the rest keeps its times."""
    clock = SimpleNamespace(now=100.0)
    module = SimpleNamespace(monotonic=lambda: clock.now, time=lambda: 1.8e9, monotonic_ns=lambda: int(clock.now * 1e9))
    monkeypatch.setattr("banstorm.fakes.exchange.time", module)
    slow = make_fake(provider, Pace(ttft_s=0, tokens_per_second=500))
    mark = Mark("7f3a9c", 1, Shape.TEXT, 30)

    def fall_behind(answered: Any) -> None:
        if len(answered.sends) == 1 and not answered.ended:
            clock.now += 0.0209  # ten gaps and a bit pass while the first piece is written

    answered = await slow.post(slow.question(mark.render(), stream=True), on_send=fall_behind)
    words_per_send = [part.count(b"~") for part in answered.sends]
    assert words_per_send[:2] == [1, 10]
    assert sum(words_per_send) == 30
    assert answered.ended


async def test_first_piece_carries_the_head(fake) -> None:
    """What is no token leaves with its neighbour: nothing precedes the first token, nothing trails the last."""
    answered = await fake.post(fake.question(QUESTION, stream=True))
    assert len(answered.sends) == 1
    assert answered.body.count(b"~") == 6


@pytest.mark.parametrize("stream", [False, True])
async def test_one_word(fake, stream) -> None:
    """The shortest answer works like any other."""
    mark = Mark("7f3a9c", 1, Shape.TEXT, 1)
    answered = await fake.post(fake.question(mark.render(), stream=stream))
    assert answered.body.count(b"~") == 1
    assert answered.ended


async def test_models_cost_nothing(fake) -> None:
    """Listing models is billed at zero, without a warning about their price."""
    answered = await fake.request("GET", "/v1/models")
    assert answered.status == 200
    [bill] = fake.bills
    assert (bill.usd, bill.produced_tokens, bill.priced) == (0.0, 0, True)


async def test_lifespan(fake) -> None:
    """Servers that announce start and end are answered."""
    sent = []
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await fake.app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def _headers(fake: Any) -> dict[str, str]:
    if fake.name == "openai":
        return {"authorization": "Bearer sk-proj-x"}
    return {"x-api-key": "sk-ant-x", "anthropic-version": "2023-06-01"}


KEYS = [
    "role",
    "content",
    "type",
    "text",
    "name",
    "function",
    "parameters",
    "input_schema",
    "schema",
    "json_schema",
    "format",
    "tools",
    "mode",
    "allowed_tools",
    "properties",
    "include_usage",
]
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
        st.sampled_from(["user", "assistant", "text", "tool", "function", "auto", "any", "json_schema", "x"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(KEYS),
                st.text(max_size=6),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=10,
)
FIELDS = [
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "response_format",
    "output_config",
    "output_format",
    "system",
    "temperature",
    "n",
]
contents = st.one_of(
    st.text(max_size=20),
    st.lists(st.fixed_dictionaries({"type": st.sampled_from(["text", "image", "tool_result"]), "text": st.text()})),
)
roles = st.sampled_from(["user", "user", "assistant", "system", "tool"])
functions = st.fixed_dictionaries(
    {"name": st.sampled_from("fgh"), "parameters": st.dictionaries(st.text(), json_values)}
)
sensible = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(st.fixed_dictionaries({"role": roles, "content": contents}), min_size=1, max_size=4),
        "stream": st.booleans(),
        "max_tokens": st.integers(1, 50),
        "tools": st.lists(
            st.one_of(
                st.builds(lambda function: {"type": "function", "function": function}, functions),
                st.builds(
                    lambda function: {"name": function["name"], "input_schema": function["parameters"]}, functions
                ),
            ),
            min_size=1,
            max_size=3,
        ),
        "tool_choice": st.sampled_from(["required", "auto", {"type": "any"}, {"type": "tool", "name": "f"}]),
    },
)
documents = st.one_of(sensible, st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=5))


@given(
    vendor=st.sampled_from(["openai", "anthropic"]),
    changes=documents,
    drop=st.sets(st.sampled_from(FIELDS), max_size=2),
)
@settings(max_examples=400)
def test_any_request_gets_the_vendors_answer(make_fake, vendor, changes, drop) -> None:
    """Any JSON body, sensible or not, gets a whole answer or the vendor's own refusal, never a fault of ours."""
    fake = make_fake(vendor)
    body = {key: value for key, value in {**fake.question(QUESTION), **changes}.items() if key not in drop}
    answered = asyncio.run(fake.post(body))
    assert answered.ended
    assert len(fake.bills) == 1
    if answered.status == 200:
        assert answered.body.endswith((b"data: [DONE]\n\n", b'"message_stop"}\n\n', b"}"))
    else:
        assert answered.status == 400
        assert_refusal(vendor, answered.document)


@given(vendor=st.sampled_from(["openai", "anthropic"]), body=st.binary(max_size=200))
def test_noise_gets_the_vendors_refusal(make_fake, vendor, body) -> None:
    """Bytes that are no request get the vendor's 400."""
    fake = make_fake(vendor)
    answered = asyncio.run(fake.post(body))
    assert answered.status == 400
    assert_refusal(vendor, answered.document)


@given(
    vendor=st.sampled_from(["openai", "anthropic"]),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"]),
    path=st.text(max_size=30).map(lambda text: "/" + text)
    | st.sampled_from([*CHAT_PATHS, "/v1/models", "/v1/models/x"]),
    headers=st.dictionaries(
        st.sampled_from(["authorization", "x-api-key", "anthropic-version", "content-length", "content-type"]),
        st.text("Bearer sk-antproj0123456789", max_size=30),
    ),
)
def test_any_path_and_headers(make_fake, vendor, method, path, headers) -> None:
    """Whatever is asked for, and with whatever headers, the answer is the vendor's."""
    fake = make_fake(vendor)
    answered = asyncio.run(fake.request(method, path, b"{}", headers=headers))
    assert answered.status in {200, 400, 401, 404, 405, 413}
    if answered.status not in {200, 413}:
        assert_refusal(vendor, answered.document)
    assert len(fake.bills) == 1


def assert_refusal(vendor: str, document: Any) -> None:
    """The body is the vendor's error envelope."""
    if vendor == "openai":
        assert document.keys() == {"error"}
        assert document["error"].keys() == {"message", "type", "param", "code"}
    else:
        assert (document["type"], document.keys()) == ("error", {"type", "error", "request_id"})
        assert document["error"].keys() >= {"type", "message"}
    assert document["error"]["message"]
