"""JSON Patch: the examples of RFC 6902's appendix, and what drifts need beside them."""

from __future__ import annotations

import pytest
from banstorm.harness.faults import json_patch
from banstorm.harness.faults.json_patch import Operation, found, patch
from pydantic import ValidationError


def patched(document, *operations):
    """The document after operations written as a scenario has them."""
    return patch(document, [Operation.model_validate(each) for each in operations])


def op(name, path, **more):
    """An operation as a scenario has it; `source` is its `from`."""
    if "source" in more:
        more["from"] = more.pop("source")
    return {"op": name, "path": path, **more}


UNTOUCHED = "left as it was"
RFC = [
    ("A.1 a member", {"foo": "bar"}, [op("add", "/baz", value="qux")], {"baz": "qux", "foo": "bar"}),
    (
        "A.2 an element",
        {"foo": ["bar", "baz"]},
        [op("add", "/foo/1", value="qux")],
        {"foo": ["bar", "qux", "baz"]},
    ),
    ("A.3 remove a member", {"baz": "qux", "foo": "bar"}, [op("remove", "/baz")], {"foo": "bar"}),
    ("A.4 remove an element", {"foo": ["a", "b", "c"]}, [op("remove", "/foo/1")], {"foo": ["a", "c"]}),
    ("A.5 replace", {"baz": "qux", "foo": "bar"}, [op("replace", "/baz", value="boo")], {"baz": "boo", "foo": "bar"}),
    (
        "A.6 move",
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [op("move", "/qux/thud", source="/foo/waldo")],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    (
        "A.7 move an element",
        {"foo": ["all", "grass", "cows", "eat"]},
        [op("move", "/foo/3", source="/foo/1")],
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    (
        "A.8 a test that holds",
        {"baz": "qux", "foo": ["a", 2, "c"]},
        [op("test", "/baz", value="qux"), op("test", "/foo/1", value=2), op("remove", "/baz")],
        {"foo": ["a", 2, "c"]},
    ),
    ("A.9 a test that fails", {"baz": "qux"}, [op("remove", "/baz"), op("test", "/baz", value="bar")], UNTOUCHED),
    (
        "A.10 a nested member",
        {"foo": "bar"},
        [op("add", "/child", value={"grandchild": {}})],
        {"foo": "bar", "child": {"grandchild": {}}},
    ),
    ("A.12 no parent", {"foo": "bar"}, [op("add", "/baz/bat", value="qux")], UNTOUCHED),
    ("A.14 escapes", {"/": 9, "~1": 10}, [op("test", "/~01", value=10), op("remove", "/~1")], {"~1": 10}),
    ("A.15 a string is no number", {"~1": 10}, [op("test", "/~01", value="10"), op("remove", "/~01")], UNTOUCHED),
    ("A.16 at the end", {"foo": ["bar"]}, [op("add", "/foo/-", value=["a"])], {"foo": ["bar", ["a"]]}),
    ("the whole document", {"foo": 1}, [op("replace", "", value=[1])], [1]),
    ("add replaces a member", {"foo": 1}, [op("add", "/foo", value=2)], {"foo": 2}),
    ("an index past the end", {"foo": [1]}, [op("add", "/foo/3", value=2)], UNTOUCHED),
    ("an index with a zero before it", {"foo": [1, 2]}, [op("remove", "/foo/01")], UNTOUCHED),
    ("true is not 1", {"foo": True}, [op("test", "/foo", value=1), op("remove", "/foo")], UNTOUCHED),
    ("1.0 is 1", {"foo": 1.0}, [op("test", "/foo", value=1), op("remove", "/foo")], {}),
]
CHOICES = {"choices": [{"delta": {"content": "a"}}, {"delta": {"role": "x"}}, {"delta": {"content": "b"}}]}
OURS = [
    (
        "a wildcard",
        CHOICES,
        [op("rename", "/choices/*/delta/content", to="text")],
        {"choices": [{"delta": {"text": "a"}}, {"delta": {"role": "x"}}, {"delta": {"text": "b"}}]},
    ),
    ("every element", {"foo": [1, 2, 3]}, [op("remove", "/foo/*")], {"foo": []}),
    ("every member", {"foo": {"a": 1, "b": 2}}, [op("replace", "/foo/*", value=0)], {"foo": {"a": 0, "b": 0}}),
    (
        "a copy along a wildcard",
        {"foo": [{"a": 1}, {"a": 2}]},
        [op("copy", "/foo/*/b", source="/foo/*/a")],
        {"foo": [{"a": 1, "b": 1}, {"a": 2, "b": 2}]},
    ),
    (
        "a move along a wildcard",
        {"foo": [{"a": 1}, {"b": 2}]},
        [op("move", "/foo/*/c", source="/foo/*/a")],
        {"foo": [{"c": 1}, {"b": 2}]},
    ),
    ("a move that has nowhere to go", {"foo": 1}, [op("move", "/bar/baz", source="/foo")], UNTOUCHED),
    ("a move past a list's end", {"foo": [1, 2]}, [op("move", "/foo/5", source="/foo/0")], UNTOUCHED),
    (
        "an operation without its place is passed over",
        {"foo": 1},
        [op("remove", "/bar"), op("remove", "/foo")],
        {},
    ),
    ("was holds", {"foo": "stop"}, [op("replace", "/foo", was="stop", value="end")], {"foo": "end"}),
    ("was does not hold", {"foo": None}, [op("replace", "/foo", was="stop", value="end")], UNTOUCHED),
    ("was null", {"foo": None}, [op("remove", "/foo", was=None)], {}),
    ("a test of existence", {"foo": None}, [op("test", "/foo"), op("add", "/bar", value=1)], {"foo": None, "bar": 1}),
    ("a test of what isn't there", {}, [op("test", "/foo"), op("add", "/bar", value=1)], UNTOUCHED),
    (
        "any place will do for a test",
        {"foo": [1, 2]},
        [op("test", "/foo/*", value=2), op("remove", "/foo")],
        {},
    ),
    ("a rename takes another's name", {"a": 1, "b": 2}, [op("rename", "/a", to="b")], {"b": 1}),
    ("a rename of an element", {"foo": [1]}, [op("rename", "/foo/0", to="b")], UNTOUCHED),
    ("no list, no object", 7, [op("remove", "/foo"), op("add", "/foo", value=1)], UNTOUCHED),
]


@pytest.mark.parametrize(
    ("document", "operations", "expected"), [row[1:] for row in RFC + OURS], ids=[r[0] for r in RFC + OURS]
)
def test_a_patch_does_what_the_rfc_says_and_passes_over_what_isnt_there(document, operations, expected):
    """Each operation of RFC 6902, wildcards, `was`, and `rename`; what has no place is passed over."""
    import copy

    wanted = copy.deepcopy(document) if expected is UNTOUCHED else expected
    assert wanted == patched(copy.deepcopy(document), *operations)


def test_a_rename_keeps_the_order_of_members():
    """The renamed member stays where it was."""
    assert ["a", "x", "c"] == list(patched({"a": 1, "b": 2, "c": 3}, op("rename", "/b", to="x")))


def test_a_failing_test_leaves_the_very_document():
    """Nothing of what came before a failing test remains, in the document that was given, either."""
    document = {"foo": [1], "bar": 2}
    assert document is patched(document, op("remove", "/foo/0"), op("test", "/bar", value=3))
    assert {"foo": [1], "bar": 2} == document


def test_what_a_patch_adds_is_its_own():
    """A value that is added twice is two values."""
    document = patched(
        {}, op("add", "/a", value={"x": []}), op("copy", "/b", source="/a"), op("add", "/b/x/-", value=1)
    )
    assert {"a": {"x": []}, "b": {"x": [1]}} == document


def test_copies_have_a_bound(monkeypatch):
    """A patch that doubles a document again and again stops when it has copied enough."""
    monkeypatch.setattr(json_patch, "COPIED_MAX", 100)
    document = patched({"a": [0]}, *[op("copy", "/a/-", source="/a")] * 64)
    assert 100 >= json_patch._count(document) > 40


def test_places_have_a_bound(monkeypatch):
    """One operation is done at so many places, and no more."""
    monkeypatch.setattr(json_patch, "PLACES_MAX", 3)
    assert {"a": [0, 0, 0, 1, 1]} == patched({"a": [1] * 5}, op("replace", "/a/*", value=0))


def test_found_gives_each_place():
    """What a pointer with wildcards leads to, in order."""
    assert ["a", "b"] == found(CHOICES, "/choices/*/delta/content")
    assert [CHOICES] == found(CHOICES, "")
    assert [] == found(CHOICES, "/choices/7")


@pytest.mark.parametrize(
    ("operation", "place", "told"),
    [
        (op("ad", "/a", value=1), ("op",), "unknown operation 'ad': did you mean 'add'?"),
        (op("frobnicate", "/a"), ("op",), "expected one of add, remove"),
        (op("remove", "a/b"), ("path",), "begins with a slash"),
        (op("remove", "/a~2"), ("path",), "~ is written ~0"),
        (op("remove", "/" + "a" * 300), ("path",), "at most 300"),
        (op("add", "/a"), (), "'add' needs 'value'"),
        (op("move", "/a"), (), "'move' needs 'from'"),
        (op("rename", "/a"), (), "'rename' needs 'to'"),
        (op("remove", "/a", value=1), (), "'value' means nothing to 'remove'"),
        (op("add", "/a", value=1, was=1), (), "'was' means nothing to 'add'"),
        (op("remove", ""), (), "needs a place inside the document"),
        (op("add", "/a/*", value=1), (), "needs a name or an index"),
        (op("copy", "/a/*/*/b", source="/a/*"), (), "more wildcards"),
        (op("move", "/a/b", source="/a"), (), "into itself"),
        (op("add", "/a", value=2**64), ("value",), "no JSON that can be sent"),
        (op("add", "/a", value=1, vlaue=1), ("vlaue",), "Extra inputs"),
    ],
)
def test_what_is_no_operation_is_refused_where_it_is_wrong(operation, place, told):
    """A bad pointer, an unknown operation, and what doesn't belong to an operation are refused at their place."""
    with pytest.raises(ValidationError) as caught:
        Operation.model_validate(operation)
    (error,) = caught.value.errors()
    assert place == tuple(part for part in error["loc"] if isinstance(part, str) and "function" not in part)[:1]
    assert told in error["msg"]
