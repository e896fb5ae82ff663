"""report.html: one self-contained file that needs no network.

The page's text comes from a JSON block and is put in with `textContent`, never as HTML: what a provider or a router
said is data. The content policy allows only the page's own script and style (by hash), and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import Any, Final

from ..result import Result

FILE: Final = "report.html"
BYTES_MAX: Final = 2_000_000
"""Largest page, in bytes."""
_SCRIPTS: Final = ("element.js", "timeline.js", "page.js")
# What could end the script element, or a line of JavaScript, stands as an escape that JSON reads back.
_ESCAPES: Final = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}


def render(result: Result) -> str:
    """The page."""
    data = _fitting(result.model_dump(mode="json"))
    style = _asset("report.css")
    script = "\n".join(_asset(name) for name in _SCRIPTS)
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    page = _asset("report.html")
    # The data goes in last, so that nothing in it is taken for a placeholder.
    for name, text in (("policy", policy), ("style", style), ("script", script), ("data", data)):
        page = page.replace(f"@@{name}@@", text, 1)
    return page


def _fitting(document: dict[str, Any]) -> str:
    """The data as JSON that is safe inside a script element; the worst calls are left out until it fits."""
    while True:
        data = json.dumps(document, separators=(",", ":"), ensure_ascii=False).translate(_ESCAPES)
        if len(data.encode()) <= BYTES_MAX - 200_000 or not document["worst"]:
            return data
        document["worst"] = document["worst"][: len(document["worst"]) // 2]


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
