"""Repairs of JSON answers where they are safe: nothing is invented, and the result has to fit the caller's schema.

- A Markdown fence around the document is taken off, and prose outside of the fence with it.
- A literal as Python writes it, with single quotes and `True`, becomes the JSON that it means.
- A member whose name differs from a missing one only in case, `_` and `-` gets the missing one's name.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import orjson

from .json_schema import mismatch

REPAIR_CHARS_MAX = 64 * 1024
"""Longest text that a repair is tried on: Python's own parser takes some tens of milliseconds for so much."""
DEPTH_MAX = 32
"""How deep members are renamed."""
# Nothing between the document and its end: blanks there, tried from each place, would take quadratic time.
_FENCE = re.compile(r"```[a-zA-Z0-9_-]{0,20}[ \t]*\r?\n(.*?)```", re.DOTALL)


def read_document(text: str, schema: Any = None) -> tuple[str, tuple[str, ...], str]:
    """The JSON document that a text is, or can safely be turned into.

    Args:
        text: What came.
        schema: What it has to fit; None for anything.

    Returns:
        The document, notes on what was repaired, and what is wrong with it; empty if nothing is.
    """
    value, notes, problem = _parse(text)
    if problem:
        return text, (), problem
    problem = mismatch(value, schema)
    if problem:
        renamed = rename(value, schema)
        if renamed != value and not mismatch(renamed, schema):
            value, notes, problem = renamed, (*notes, "members renamed"), ""
    if problem:
        return text, (), problem
    return (orjson.dumps(value).decode() if notes else text), notes, ""


def _parse(text: str) -> tuple[Any, tuple[str, ...], str]:
    try:
        return orjson.loads(text), (), ""
    except orjson.JSONDecodeError as error:
        problem = f"is not JSON: {error}"
    if len(text) > REPAIR_CHARS_MAX:
        return None, (), problem
    notes: tuple[str, ...] = ()
    fenced = _FENCE.findall(text)
    if len(fenced) == 1:  # of two documents nobody knows which is the answer
        text, notes = fenced[0], ("a Markdown fence was taken off",)
        try:
            return orjson.loads(text), notes, ""
        except orjson.JSONDecodeError:
            pass
    value = _literal(text)
    if value is None:
        return None, (), problem
    return value, (*notes, "single quotes became JSON's"), ""


def _literal(text: str) -> Any:
    """An object or list as Python writes it; None for anything else."""
    text = text.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        value = ast.literal_eval(text)
        # Through JSON once: what it has no word for (sets, bytes, numbers as names) isn't repaired.
        return orjson.loads(orjson.dumps(value)) if isinstance(value, dict | list) else None
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def rename(value: Any, schema: Any, depth: int = 0) -> Any:
    """The value with the names that its schema asks for, where there is exactly one way to give them."""
    if not isinstance(schema, dict) or depth > DEPTH_MAX:
        return value
    if isinstance(value, list):
        return [rename(each, schema.get("items"), depth + 1) for each in value]
    known = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(known, dict):
        return value
    missing: dict[str, list[str]] = {}
    for name in known:
        if name not in value:
            missing.setdefault(_bare(name), []).append(name)
    strange: dict[str, list[str]] = {}
    for name in value:
        if name not in known:
            strange.setdefault(_bare(name), []).append(name)
    names = {
        found[0]: missing[bare][0]
        for bare, found in strange.items()
        if len(found) == 1 and len(missing.get(bare, ())) == 1
    }
    return {
        names.get(name, name): rename(member, known.get(names.get(name, name)), depth + 1)
        for name, member in value.items()
    }


def _bare(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()
