from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape, expected, expected_object, words
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects.base import Answer, Ask, Tool
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import validate

RECORD = Tool(TOOL_NAME, ANSWER_SCHEMA)
OTHER = Tool("weather", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
REWRITTEN = Tool("json_tool_call", {"type": "object", "properties": {}, "additionalProperties": True})
FORCED = f"tool:{TOOL_NAME}"


def say(shape: Shape | None, count: int = 5, text: str = "What is up?", **request: Any) -> tuple[Answer, Mark]:
    """The answer to a request, and its mark."""
    mark = Mark("7f3a9c", 12, shape or Shape.TEXT, count)
    ask = Ask("m", stream=False, text=text, mark=mark if shape else None, input_tokens=9, **request)
    return compose(ask, "openai", id_seed=1, created_s=2), mark


MARKED: list[tuple[str, Shape, dict[str, Any], str, str | None]] = [
    ("text", Shape.TEXT, {}, "text", None),
    ("text, tools offered", Shape.TEXT, {"tools": (RECORD,)}, "text", None),
    ("text, schema asked for", Shape.TEXT, {"schema": ANSWER_SCHEMA}, "object", None),
    ("text, tool forced", Shape.TEXT, {"tools": (RECORD,), "tool_choice": FORCED}, "object", TOOL_NAME),
    ("json", Shape.JSON, {"schema": ANSWER_SCHEMA}, "object", None),
    ("json, any object", Shape.JSON, {"schema": {"type": "object"}}, "object", None),
    ("json, only the prompt asks", Shape.JSON, {}, "object", None),
    ("json as a forced tool", Shape.JSON, {"tools": (REWRITTEN,), "tool_choice": "any"}, "object", "json_tool_call"),
    ("json as an offered tool", Shape.JSON, {"tools": (OTHER, RECORD)}, "object", TOOL_NAME),
    ("json beside other tools", Shape.JSON, {"tools": (OTHER,), "schema": ANSWER_SCHEMA}, "object", None),
    ("tool forced", Shape.TOOL, {"tools": (OTHER, RECORD), "tool_choice": FORCED}, "object", TOOL_NAME),
    ("tool required", Shape.TOOL, {"tools": (OTHER, RECORD), "tool_choice": "any"}, "object", TOOL_NAME),
    ("tool offered", Shape.TOOL, {"tools": (RECORD,)}, "object", TOOL_NAME),
    ("tool as a schema", Shape.TOOL, {"schema": ANSWER_SCHEMA}, "object", None),
    ("tool as text", Shape.TOOL, {}, "object", None),
    ("tool, choice none", Shape.TOOL, {"tools": (RECORD,), "tool_choice": "none"}, "text", None),
    ("tool, after its result", Shape.TOOL, {"tools": (RECORD,), "after_tool_result": True}, "text", None),
]


@pytest.mark.parametrize(("shape", "request_", "form", "tool"), [row[1:] for row in MARKED], ids=[r[0] for r in MARKED])
def test_marked(shape: Shape, request_: dict[str, Any], form: str, tool: str | None) -> None:
    """The words of the mark come through whatever the request allows, one token a word."""
    answer, mark = say(shape, **request_)
    assert answer.tool == tool
    if form == "text":
        assert answer.text == expected(mark, "openai")
    else:
        assert orjson.loads(answer.text) == expected_object(mark, "openai")
    assert answer.output_tokens == len(answer.pieces) == mark.words
    assert all(piece.count("~") == 1 for piece in answer.pieces)
    assert answer.finish == ("tool" if tool else "stop")


def test_marked_with_another_schema() -> None:
    """A caller's own schema is satisfied, and its first free string holds the words."""
    answer, mark = say(Shape.JSON, schema=OTHER.parameters)
    assert orjson.loads(answer.text) == {"city": expected(mark, "openai")}


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(Shape))
def test_max_tokens(count: int, limit: int, shape: Shape) -> None:
    """An answer has as many tokens as it has words, or as the caller allows, and says which of the two ended it."""
    request: dict[str, Any] = {"schema": ANSWER_SCHEMA} if shape is Shape.JSON else {}
    whole, mark = say(shape, count, **request)
    answer, _ = say(shape, count, max_tokens=limit, **request)
    assert answer.output_tokens == min(count, limit)
    assert answer.finish == ("length" if limit < count else "stop")
    assert whole.text.startswith(answer.text)
    assert answer.text.count("~") == answer.output_tokens
    assert words(mark, "openai")[answer.output_tokens - 1] in answer.text


UNMARKED: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"tools": (OTHER,)}, "weather"),
    ({"tools": (OTHER,), "first_turn": False}, None),
    ({"tools": (OTHER,), "after_tool_result": True, "first_turn": False}, None),
    ({"tools": (OTHER,), "tool_choice": "none"}, None),
    ({"tools": (OTHER, RECORD), "tool_choice": "tool:weather", "first_turn": False}, "weather"),
    ({"tools": (OTHER,), "tool_choice": "any", "after_tool_result": True}, "weather"),
]


@pytest.mark.parametrize(("request_", "tool"), UNMARKED, ids=repr)
def test_unmarked(request_: dict[str, Any], tool: str | None) -> None:
    """An unmarked prompt gets a tool call when one is forced or offered on a first turn, else a sentence; no marks."""
    answer, _ = say(None, **request_)
    assert answer.tool == tool
    assert "~" not in answer.text
    if tool:
        validate(orjson.loads(answer.text), OTHER.parameters)
    else:
        assert "What is up?" in answer.text


def test_unmarked_schema() -> None:
    """An unmarked prompt with a schema gets a document of it."""
    schema = {
        "type": "object",
        "properties": {"verdict": {"enum": ["yes", "no"]}, "why": {"type": "string"}},
        "required": ["verdict", "why"],
    }
    answer, _ = say(None, schema=schema)
    validate(orjson.loads(answer.text), schema)


@given(st.text())
def test_unmarked_is_a_pure_function(text: str) -> None:
    """The same question gets the same answer, in pieces that join to it."""
    first, _ = say(None, text=text)
    second, _ = say(None, text=text)
    assert first == second
    assert first.output_tokens == len(first.pieces) > 1
    assert all(first.pieces)


def test_limit_cuts_an_unmarked_answer() -> None:
    """`max_tokens` holds for unmarked prompts too."""
    answer, _ = say(None, max_tokens=3)
    assert (answer.output_tokens, answer.finish) == (3, "length")


def test_listing_models_says_nothing() -> None:
    """An operation without an answer has no tokens."""
    answer = compose(Ask("", False, "", None, 0, operation="models"), "openai", id_seed=1, created_s=2)  # noqa: FBT003
    assert (answer.pieces, answer.output_tokens) == ((), 0)


@pytest.mark.parametrize(
    ("stop", "kept", "stopped_by"),
    [((".4.9.",), 4, ".4.9."), (("nowhere", "~"), 0, "~"), ((".6.9.", ".2.9."), 2, ".2.9."), (("nowhere",), 9, None)],
)
def test_stop(stop: tuple[str, ...], kept: int, stopped_by: str | None) -> None:
    """An answer ends before the first of the stop sequences, in the middle of a word if that is where it stands."""
    answer, mark = say(Shape.TEXT, 9, stop=stop)
    whole = " ".join(words(mark, "openai"))
    assert answer.text == (whole if stopped_by is None else whole[: whole.find(stopped_by)])
    assert (len(answer.pieces), answer.stop_sequence, answer.finish) == (kept, stopped_by, "stop")
    assert answer.output_tokens == kept


def test_stop_does_not_cut_a_tools_arguments() -> None:
    """Stop sequences are for text: a tool's arguments stay whole."""
    answer, mark = say(Shape.TOOL, 3, tools=(RECORD,), tool_choice=FORCED, stop=("~",))
    assert orjson.loads(answer.text) == expected_object(mark, "openai")
    assert answer.stop_sequence is None


@pytest.mark.parametrize(("limit", "kept", "thought"), [(None, 5, 8), (13, 5, 8), (10, 2, 8), (6, 0, 6)])
def test_reasoning_counts_as_output(limit: int | None, kept: int, thought: int) -> None:
    """Thoughts come out of the same allowance as words, and before them."""
    answer, _ = say(Shape.TEXT, 5, max_tokens=limit, reasoning_tokens=8, cached_tokens=4)
    assert (len(answer.pieces), answer.reasoning_tokens, answer.output_tokens) == (kept, thought, kept + thought)
    assert answer.finish == ("stop" if kept == 5 else "length")
    assert answer.cached_tokens == 4


@pytest.mark.parametrize(
    ("text", "request_", "called"),
    [
        ("please call weather and record_answer", {}, ["record_answer", "weather"]),
        ("weather, then record_answer", {"tool_choice": "any"}, ["record_answer", "weather"]),
        ("only the weather", {}, ["weather"]),
        ("neither of them: weathers", {}, ["record_answer"]),
        ("weather and record_answer", {"parallel": False}, ["record_answer"]),
        ("weather and record_answer", {"tool_choice": "tool:weather"}, ["weather"]),
        ("weather and record_answer", {"tool_choice": "none"}, []),
        ("weather and record_answer", {"first_turn": False}, []),
    ],
)
def test_several_tools_at_once(text: str, request_: dict[str, Any], called: list[str]) -> None:
    """An unmarked prompt that names several tools has all of them called, each with arguments of its own."""
    answer, _ = say(None, text=text, **{"tools": (RECORD, OTHER), "parallel": True, **request_})
    assert called == [call.name for call in answer.tool_calls]
    assert answer.pieces == tuple(piece for call in answer.tool_calls for piece in call.pieces) or not called
    for call in answer.tool_calls:
        validate(orjson.loads(call.text), dict((RECORD if call.name == TOOL_NAME else OTHER).parameters))


def test_a_marked_prompt_calls_one_tool() -> None:
    """Whatever tools a marked prompt names, its words are said once."""
    answer, _ = say(Shape.TOOL, text="weather and record_answer", tools=(OTHER, RECORD), parallel=True)
    assert [call.name for call in answer.tool_calls] == [TOOL_NAME]


@pytest.mark.parametrize("room", range(1, 30))
def test_calls_cut_short(room: int) -> None:
    """Too few tokens leave the first calls whole and the last one torn."""
    request: dict[str, Any] = {"tools": (RECORD, OTHER), "parallel": True, "text": "weather record_answer"}
    whole, _ = say(None, **request)
    cut, _ = say(None, max_tokens=room, **request)
    assert cut.pieces == whole.pieces[:room]
    assert cut.text == "".join(call.text for call in cut.tool_calls)
    assert cut.tool == TOOL_NAME


@given(text=st.text(st.sampled_from(["a", "é", "~", " ", "\t", "\n", "\x1c", "\x85", "\u2003", "\x00"]), max_size=90))
def test_a_question_is_cut_into_words_with_the_blanks_behind_them(text: str) -> None:
    """The question that an unmarked answer repeats is one token a word, whatever stands between its words."""
    pieces = compose(
        Ask("m", stream=False, text=text, mark=None, input_tokens=9), "openai", id_seed=1, created_s=2
    ).pieces
    repeated = "".join(pieces).partition("You asked: ")[2]
    assert [piece for piece in pieces if re.fullmatch(r"\S+ ?", piece)] == list(pieces)
    assert repeated.rstrip("…").rstrip(" ") == " ".join(text.split())[:60].replace("~", "-").rstrip(" ")
