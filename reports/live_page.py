"""The page that shows a run while it goes on: the report's own look and lanes, fed by a stream of events.

The page holds no data. What it is sent it puts in with `textContent`, never as HTML, and its policy allows its own
script and style only (and the reports', which it keeps so that they can be opened once the run's process has ended).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

from .writers import html

_SCRIPTS: Final = ("element.js", "lanes.js", "live.js")


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and the content security policy that it must be sent with."""

    text: str
    policy: str


def page() -> Page:
    """The live page. It asks for ``events`` beside it, and for ``runs/<number>/report.html``."""
    style, script = _asset("report.css"), "\n".join(map(_asset, _SCRIPTS))
    text = _asset("live.html").replace("@@style@@", style).replace("@@script@@", script)
    _, report_script = html.sources()  # the report's style is this page's, too
    policy = (
        f"default-src 'none'; connect-src 'self'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}' '{report_script}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(text, policy)


def _asset(name: str) -> str:
    return resources.files(html.__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
