"""JSON answers that can be repaired without inventing anything, and those that can't."""

from __future__ import annotations

import json
import time

import pytest
from banstorm.router.repair import REPAIR_CHARS_MAX, read_document

SCHEMA = {
    "type": "object",
    "properties": {"firstName": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["firstName", "age"],
    "additionalProperties": False,
}
GOOD = {"firstName": "x", "age": 3}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        f"```json\n{json.dumps(GOOD)}\n```",
        f"```\n{json.dumps(GOOD)}```",
        f"Here it is:\n```json\n{json.dumps(GOOD, indent=2)}\n```\nAnything else?",
        "{'firstName': 'x', 'age': 3}",
        "```python\n{'firstName': 'x', 'age': 3}\n```",
        '{"first_name": "x", "AGE": 3}',
        "{'first-name': 'x', 'age': 3}",
    ],
)
def test_what_is_repaired(text):
    """Fences, single quotes and names written differently are repaired, with a note; a good document stays as it is."""
    document, notes, problem = read_document(text, SCHEMA)
    assert (GOOD, "") == (json.loads(document), problem)
    assert (text == document) == (not notes)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Sure! Here is what you asked for.", "is not JSON"),
        ('{"firstName": "x", "age": 3', "is not JSON"),  # cut: what is missing would be invented
        ('{"firstName": "x"}', "$.age is missing"),
        ('{"firstName": "x", "years": 3}', "$.age is missing"),  # another word is another meaning
        ('{"first_name": "x", "First-Name": "y", "age": 3}', "$.firstName is missing"),  # which of the two?
        ('{"firstName": "x", "age": "3"}', "$.age is no integer"),  # a text isn't a number
        ("```json\n{}\n```\n```json\n{}\n```", "is not JSON"),  # which of the two?
        ("{'a': {1, 2}}", "is not JSON"),
        ("{'a': b'x'}", "is not JSON"),
        ("__import__('os')", "is not JSON"),
        ("['" + "x" * REPAIR_CHARS_MAX + "']", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_not(text, problem):
    """Nothing is guessed: what would have to be invented is a problem."""
    document, notes, found = read_document(text, SCHEMA)
    assert (text, ()) == (document, notes)
    assert found.startswith(problem)


def test_inner_members_are_renamed_too():
    """Names are mended at any depth that the schema describes."""
    inner = {"type": "object", "properties": {"zipCode": {"type": "string"}}, "required": ["zipCode"]}
    schema = {"type": "object", "properties": {"all": {"type": "array", "items": inner}}, "required": ["all"]}
    document, notes, problem = read_document('{"all": [{"zip_code": "1"}]}', schema)
    assert ({"all": [{"zipCode": "1"}]}, ("members renamed",), "") == (json.loads(document), notes, problem)


SLOW = {
    "a fence that blanks follow": lambda size: "```json\n" + " " * size,
    "a fence that line ends follow": lambda size: "```json\n" + "\n" * size,
    "fences alone": lambda size: "```json\n" * (size // 8),
    "backticks": lambda size: "`" * size,
    "blanks behind backticks": lambda size: "```" + " " * size,
    "single quotes": lambda size: "['" + "a','" * (size // 4) + "']",
    "texts side by side": lambda size: "[" + "'a' " * (size // 4) + "]",
    "a long sum": lambda size: "[" + "1+" * (size // 2) + "1]",
    "strange names": lambda size: json.dumps({f"a_{place:06}": 1 for place in range(size // 15)}),
}


@pytest.mark.parametrize("made", SLOW.values(), ids=SLOW.keys())
def test_no_text_stalls_the_loop(made):
    """Four times the text takes some four times the time, not sixteen times: repairs hold up every other call."""
    schema = {"type": "object", "properties": {f"A{place:06}": {} for place in range(9000)}, "required": ["x"]}

    def spent(size):
        text, best = made(size), float("inf")
        for _ in range(5):
            began = time.process_time()
            read_document(text, schema)
            best = min(best, time.process_time() - began)
        return best

    assert spent(60_000) < 10 * spent(15_000)
