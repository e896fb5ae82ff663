"""Canned answers: what a file of rules makes the fakes say."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from banstorm.fakes.app import create_app
from banstorm.fakes.canned import CannedAnswers
from banstorm.fakes.canned_document import parse
from banstorm.fakes.canned_rule import TEXT_LETTERS_MAX, Glob
from banstorm.fakes.dialects import find, names
from banstorm.fakes.dialects.base import Answer, Ask, Tool
from banstorm.fakes.invoice import Bill
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from hypothesis import given
from hypothesis import strategies as st

DIALECTS = {name: find(name) for name in names()}
TEXT = "We refund within 14 days, \u2014 always. "
OBJECT = {"city": "Oslo", "degrees": [4, 5], "sure": True}
QUESTION = "Is there a refund?"
ASK = Ask("gpt-5.4-mini", stream=False, text=QUESTION, mark=None, input_tokens=11)

HEADERS = {
    "authorization": "Bearer sk-proj-x",
    "x-api-key": "sk-ant-x",
    "x-goog-api-key": "AIzax",
    "api-key": "x",
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
}
_TURN = {"role": "user", "content": QUESTION}
_CONVERSE = {"messages": [{"role": "user", "content": [{"text": QUESTION}]}]}
_CONTENTS = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}
# how a question is asked where it isn't OpenAI's way: the path plain, the path streamed, the body
QUESTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "anthropic": ("/v1/messages", "/v1/messages", {"model": "claude-sonnet-5", "max_tokens": 99, "messages": [_TURN]}),
    "azure": (*["/openai/deployments/d/chat/completions?api-version=2024-10-21"] * 2, {"messages": [_TURN]}),
    "bedrock": ("/model/m/converse", "/model/m/converse-stream", _CONVERSE),
    "cohere": ("/v2/chat", "/v2/chat", {"model": "command-a-03-2025", "messages": [_TURN]}),
    "gemini": ("/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse", _CONTENTS),
}


def canned(text: str, *served: str) -> CannedAnswers:
    """The rules in `text`, for these providers, or for all."""
    return CannedAnswers.build(parse(text, "answers.yaml"), {name: DIALECTS[name] for name in served or DIALECTS})


def say(rules: CannedAnswers, ask: Ask = ASK, provider: str = "openai", **changes: Any) -> str | None:
    """The text said to a request, the status of a failure, or None if it is left to be composed."""
    said = rules.answer(replace(ask, **changes), provider, id_seed=1, created_s=1)
    return said.text if isinstance(said, Answer) else said and str(said.status)


class Served:
    """A fake with canned answers, asked over ASGI."""

    def __init__(self, name: str, rules: str) -> None:
        self.name = name
        self.dialect = DIALECTS[name]
        self.bills: list[Bill] = []
        self.app = create_app(
            name,
            self.dialect,
            Pace(),
            run_seed=1,
            bill=self.bills.append,
            prices=PriceTable.load(),
            script=canned(rules, name),
        )

    async def ask(self, *, stream) -> tuple[int, list[Any]]:
        """The status and every JSON payload of the answer."""
        usual = f"{self.dialect.base_path}/chat/completions"
        plain, streamed, body = QUESTIONS.get(self.name, (usual, usual, {"model": "m", "messages": [_TURN]}))
        if plain == streamed and stream:
            body = {**body, "stream": True}
        if self.name in {"azure", "openai"} and stream:
            body["stream_options"] = {"include_usage": True}
        path, _, query = (streamed if stream else plain).partition("?")
        requests = [{"type": "http.request", "body": orjson.dumps(body)}]
        sent: list[Any] = []

        async def receive() -> Any:
            return requests.pop() if requests else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        scope = {"type": "http", "method": "POST", "path": path, "query_string": query.encode(), "headers": headers}
        await self.app(scope, receive, send)
        whole = b"".join(message.get("body", b"") for message in sent[1:])
        if not self.dialect.is_stream([(name.decode(), value.decode()) for name, value in sent[0]["headers"]]):
            return sent[0]["status"], [orjson.loads(whole)]
        payloads: list[Any] = []
        events, rest = self.dialect.split_events(whole)
        assert rest == b""
        for event in events:
            self.dialect.map_event(event, lambda payload: payloads.append(payload) or payload)
        return sent[0]["status"], payloads


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value within a payload, with the key it stands at."""
    yield key, value
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, name)
    if isinstance(value, list):
        for each in value:
            yield from leaves(each, key)


def said(payloads: list[Any]) -> list[Any]:
    """All that an answer may be taken to say: each value, and each key's texts joined over the events."""
    joined: defaultdict[str, str] = defaultdict(str)
    found = []
    for key, value in leaves(payloads):
        found.append(value)
        if isinstance(value, str):
            joined[key] += value
    documents = []
    for text in joined.values():
        try:
            documents.append(orjson.loads(text))
        except orjson.JSONDecodeError:
            continue
    return [*found, *joined.values(), *documents]


CALL = f"- tool: {{name: get_weather, arguments: {orjson.dumps(OBJECT).decode()}}}"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (f"- text: {orjson.dumps(TEXT).decode()}", [TEXT]),
        (f"- json: {orjson.dumps(OBJECT).decode()}", [OBJECT]),
        (CALL, ["get_weather", OBJECT]),
        ("- {text: one two three, usage: {input_tokens: 4321, output_tokens: 1234}}", ["one two three", 4321, 1234]),
    ],
    ids=["text", "json", "tool", "usage"],
)
async def test_every_dialect_says_what_the_file_says(name: str, stream, rules: str, expected: list[Any]):
    """A text, a document, a tool call and figures of usage come back to the letter, plain and streamed."""
    fake = Served(name, rules)
    status, payloads = await fake.ask(stream=stream)
    assert 200 == status
    heard = said(payloads)
    for each in expected:
        assert each in heard
    [bill] = fake.bills
    assert bill.completed
    assert 4321 != bill.input_tokens  # what is billed is what was really read


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("name", names())
async def test_every_dialect_fails_as_the_file_says(name: str, stream):
    """A failure comes in the vendor's own form with the details given, whether a stream was asked for or not."""
    fake = Served(name, "- failure: {kind: rate_limited, message: slow down a bit}")
    wanted = DIALECTS[name].failure("rate_limited", {"message": "slow down a bit"}, id_seed=1)
    status, payloads = await fake.ask(stream=stream)
    assert wanted.status == status
    assert "slow down a bit" in said(payloads)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("name", names())
async def test_every_dialect_can_say_nothing_and_can_be_cut_short(name: str, stream):
    """An empty text is an answer; `finish: length` is told in the vendor's own word, and only then."""
    status, _ = await Served(name, '- text: ""').ask(stream=stream)
    assert 200 == status
    _, whole = await Served(name, "- text: a b").ask(stream=stream)
    _, short = await Served(name, "- {text: a b, finish: length}").ask(stream=stream)
    words = {"length", "max_tokens", "MAX_TOKENS"}
    assert not words & {value for _, value in leaves(whole) if isinstance(value, str)}
    assert words & {value for _, value in leaves(short) if isinstance(value, str)}


WHEN = [
    ("contains: refund", {}, True),
    ("contains: refunds", {}, False),
    ('equals: " Is there a refund? "', {}, True),
    ("equals: refund", {}, False),
    ('like: "Is*fund?"', {}, True),
    ('like: "is*"', {}, False),
    ('model: "gpt-5*"', {}, True),
    ("model: gpt-5", {}, False),
    ("provider: openai", {}, True),
    ("provider: groq", {}, False),
    ("stream: false", {}, True),
    ("stream: true", {}, False),
    ("stream: true", {"stream": True}, True),
    ("tools: false", {}, True),
    ("tools: true", {}, False),
    ("tools: true", {"tools": (Tool("f", {}),)}, True),
    ("tools: f", {"tools": (Tool("f", {}),)}, True),
    ("tools: g", {"tools": (Tool("f", {}),)}, False),
    ("after_tool_result: true", {"after_tool_result": True}, True),
    ("after_tool_result: true", {}, False),
    ("contains: refund, stream: true", {}, False),
    ("contains: x", {"text": "-" * TEXT_LETTERS_MAX + "x"}, False),
    ("contains: x", {"text": "-" * (TEXT_LETTERS_MAX - 1) + "x"}, True),
    ("", {"operation": "embeddings"}, False),
    ("", {"operation": "request"}, False),
]


@pytest.mark.parametrize(("when", "changes", "fits"), WHEN)
def test_conditions(when: str, changes: dict[str, Any], fits):
    """A rule answers if all of its conditions hold; else the answer is composed as usual."""
    rules = canned(f"- when: {{{when}}}\n  text: yes it fits")
    assert ("yes it fits" if fits else None) == say(rules, **changes)


COUNTS = [
    ("nth: 2", [None, "hit", None, None, None, None]),
    ("first: 2", ["hit", "hit", None, None, None, None]),
    ("every: 3", [None, None, "hit", None, None, "hit"]),
]


@pytest.mark.parametrize(("when", "expected"), COUNTS)
def test_the_nth_call(when: str, expected: list[str | None]):
    """Calls are counted a rule, and only those that fit its other conditions."""
    rules = canned(f"- when: {{contains: refund, {when}}}\n  text: hit")
    heard = []
    for _ in expected:
        assert say(rules, text="something else") is None
        heard.append(say(rules))
    assert expected == heard


def test_the_first_rule_that_fits_answers():
    """Later rules see what earlier ones left, and count only that; a failure only concerns vendors that have it."""
    rules = canned(
        "- {when: {nth: 2}, failure: overloaded}\n"
        "- {when: {first: 2}, text: early}\n"
        "- {when: {provider: cohere}, failure: daily_limited}\n".replace("daily_limited", "tier_capped")
        + "- {failure: daily_limited}\n"
        "- text: late\n"
    )
    assert ["early", "503", "early", "429"] == [say(rules) for _ in range(4)]
    assert "late" == say(rules, provider="anthropic")  # which has no daily limit
    embedding = canned("- {when: {operation: embeddings}, failure: rate_limited}\n- text: hello")
    assert ["hello", "429"] == [say(embedding), say(embedding, operation="embeddings")]
    service = canned("- text: hello\n- failure: rate_limited")
    assert ["429", None] == [say(service, operation="request"), say(service, operation="models")]


def test_two_rules_answer_one_question_under_two_ids():
    """The same question gets other bytes, ids included, from another rule, and the same from the same."""
    rules = canned("- {when: {first: 1}, text: a}\n- text: a")
    seeds = []
    for _ in range(3):
        answer = rules.answer(ASK, "openai", id_seed=1, created_s=1)
        assert isinstance(answer, Answer)
        seeds.append(answer.id_seed)
    assert seeds[0] != seeds[1] == seeds[2]


def test_what_is_reported_makes_sense():
    """Cached tokens are never more than input, nor reasoning than output, whatever the file says of the other."""
    rules = canned("- {text: a b c, usage: {input_tokens: 2, output_tokens: 1}}")
    thoughtful = replace(ASK, cached_tokens=9, reasoning_tokens=7)
    answer = rules.answer(thoughtful, "openai", id_seed=1, created_s=1)
    assert isinstance(answer, Answer)
    assert (2, 2, 1, 1) == (answer.input_tokens, answer.cached_tokens, answer.output_tokens, answer.reasoning_tokens)
    whole = canned("- text: a b c").answer(thoughtful, "openai", id_seed=1, created_s=1)
    assert isinstance(whole, Answer)
    assert (11, 9, 10, 7) == (whole.input_tokens, whole.cached_tokens, whole.output_tokens, whole.reasoning_tokens)


GLOBS = [
    ("", "", True),
    ("", "a", False),
    ("a", "a", True),
    ("a", "ab", False),
    ("*", "a\nb", True),
    ("a*", "a", True),
    ("*b", "ab", True),
    ("a*a", "a", False),
    ("a*b*c", "a-b-c", True),
    ("a*c*b", "a-b-c", False),
    ("ab*bc", "abc", False),
    ("a*bc*c", "abc", False),
    ("[a]?*", "[a]?", True),
    ("**", "", True),
]


@pytest.mark.parametrize(("pattern", "text", "matches"), GLOBS)
def test_globs(pattern: str, text: str, matches):
    """A star stands for any text; nothing else is special."""
    assert matches is Glob(pattern).matches(text)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_globs_agree_with_regular_expressions(pattern: str, text: str):
    """On short texts, where an expression's time is no matter, both say the same."""
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert (re.fullmatch(expression, text, re.DOTALL) is not None) is Glob(pattern).matches(text)


def test_a_hostile_pattern_takes_no_time():
    """What makes a backtracking matcher run for ever is answered in one pass over the text."""
    assert not Glob("*a" * 5_000 + "*b").matches("a" * 500_000)
