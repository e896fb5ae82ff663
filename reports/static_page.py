"""A page of one file without a script: it opens offline, in light and dark, on a phone, and prints.

Whatever a run, a router or a provider said is escaped; the content policy allows the page's own style (by hash) and
nothing else. Colours, cards and tables are those of report.html.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from typing import Final

_STYLES: Final = ("report.css", "static.css")
TONES: Final = {"better": "good-text", "worse": "bad-text", "same": "faint", "unclear": "soft", "unknown": "faint"}


class Html(str):
    """Text that is markup already; everything else is escaped."""

    __slots__ = ()


def h(tag: str, *children: object, **attributes: object) -> Html:
    """An element. Children and attributes are escaped, but for what is `Html`; None and False are left out.

    A trailing underscore of an attribute's name is dropped (``class_``), any other is a hyphen.
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{tag}{named}>{join(children)}</{tag}>")


def join(children: Iterable[object]) -> Html:
    """The children one after the other."""
    return Html(
        "".join(
            str(each) if isinstance(each, Html) else escape(str(each))
            for each in children
            if each is not None and each is not False
        )
    )


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()) -> Html:
    """A table whose rows become blocks where the screen is narrow; the columns `numbers` stand to the right."""
    right = set(numbers)

    def tone(index: int) -> str | None:
        return "num" if index in right else None

    body = (
        h(
            "tr",
            *(
                h("td", each, class_=tone(index), data_head=head[index]) if index else h("th", each, scope="row")
                for index, each in enumerate(row)
            ),
        )
        for row in rows
    )
    heads = (h("th", name, scope="col", class_=tone(index)) for index, name in enumerate(head))
    return h(
        "div",
        h("table", h("caption", caption, class_="unseen"), h("thead", h("tr", *heads)), h("tbody", *body)),
        class_="scroll stack",
        tabindex=0,
        role="region",
        aria_label=caption,
    )


def page(title: str, tag: str, *main: object) -> str:
    """The whole page; `tag` says in its bar what it is."""
    style = "".join(resources.files(__package__).joinpath("writers", name).read_text("utf-8") for name in _STYLES)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    head = h(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark">'),
        h("title", title),
        Html(f"<style>{style}</style>"),
    )
    bar = h("header", h("div", h("span", "banstorm", class_="brand"), h("span", tag, class_="soft")), class_="bar")
    foot = h("footer", "Made by banstorm from the runs' own files. Nothing on this page was loaded from anywhere.")
    text = f"<!doctype html>\n{h('html', head, h('body', bar, h('main', *main), foot), lang='en')}\n"
    return text.encode("utf-8", "replace").decode()  # a lone surrogate in what a router said must not cost the page
