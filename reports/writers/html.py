"""report.html: one self-contained file that needs no network.

The page's text comes from JSON blocks and is put in with `textContent`, never as HTML: what a provider or a router
said is data. The content policy allows only the page's own script and style (by hash), and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any, Final

from ..advice import advice, tightest
from ..plain import headline, name, plain, reworded, wanted
from ..result import Result

FILE: Final = "report.html"
BYTES_MAX: Final = 2_000_000
"""Largest page, in bytes."""
ROWS_NAMED_MAX: Final = 8
"""Most ledger rows that the page names under a value; report.json names more."""
_FRAME_BYTES: Final = 200_000
"""Room left for the page around its data, in bytes."""
_SCRIPTS: Final = (
    "element.js",
    "lanes.js",
    "timeline.js",
    "verdict.js",
    "failover.js",
    "waterfalls.js",
    "money.js",
    "sections.js",
    "page.js",
)
# What could end the script element, or a line of JavaScript, stands as an escape that JSON reads back.
_ESCAPES: Final = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}


def render(result: Result) -> str:
    """The page."""
    before, script, style, policy = _frame()
    data = _fitting(result.model_dump(mode="json"))
    # The data goes in last, and each place once, so that nothing in it is taken for a placeholder.
    parts = {"policy": policy, "style": style, "script": script, "told": _json(_told(result)), "data": data}
    page: list[str] = []
    for piece in before.split("@@"):
        page.append(parts.get(piece, piece) if len(page) % 2 else piece)
    return "".join(page)


def _told(result: Result) -> dict[str, Any]:
    """What the page says in plain words, beside the result."""
    return {
        "sentence": headline(result),
        "expectations": [
            {
                "question": plain(each.measure).question,
                "broken": plain(each.measure).broken,
                "wanted": wanted(each),
                "name": name(each.measure),
            }
            for each in result.expectations
        ],
        "advice": [
            {"title": reworded(each.title), "why": reworded(each.why), "mends": [name(one) for one in each.mends]}
            for each in advice(result)
        ],
        "tightest": tightest(result),
        "target_gone": result.target_gone,
    }


def _fitting(document: dict[str, Any]) -> str:
    """The data as JSON that is safe inside a script element; the worst calls are left out until it fits."""
    _name_fewer(document)
    while True:
        data = _json(document)
        if len(data.encode()) <= BYTES_MAX - _FRAME_BYTES or not document["worst"]:
            return data
        document["worst"] = document["worst"][: len(document["worst"]) // 2]


def _name_fewer(value: Any) -> None:
    """Shorten the lists of ledger rows, wherever they stand."""
    if isinstance(value, dict):
        rows = value.get("rows")
        if isinstance(rows, dict) and isinstance(rows.get("first"), list):
            del rows["first"][ROWS_NAMED_MAX:]
        for each in value.values():
            _name_fewer(each)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for each in value:
            _name_fewer(each)


def _json(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).translate(_ESCAPES)


def sources() -> tuple[str, str]:
    """What a content policy must name to allow the page's style and its script: a page that shows reports does."""
    _, script, style, _ = _frame()
    return _hash(style), _hash(script)


@cache
def _frame() -> tuple[str, str, str, str]:
    """The page's frame, script, style and content policy: the same for every run."""
    style, script = _asset("report.css"), "\n".join(_asset(name) for name in _SCRIPTS)
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    return _asset("report.html"), script, style, policy


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
