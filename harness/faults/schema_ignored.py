"""A model that was asked for JSON of a schema and says something else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
from pydantic import Field

from .base import Context
from .rewritten import Rewritten

if TYPE_CHECKING:
    from ...fakes.dialects.base import Answer, Ask

_WORDS: Final = re.compile(r"(?=~)")


class SchemaIgnored(Rewritten):
    """Let the model ignore the form that was asked for, in answers that are JSON or a tool's arguments.

    The call is billed as ever. Answers that were to be text keep their form.
    """

    form: Literal["prose", "fenced", "missing"] = Field(
        default="prose",
        description="prose: the same words as a text; fenced: the JSON in a Markdown fence, as a text; "
        "missing: JSON, or arguments, that lack the last member",
    )

    @property
    def picks(self) -> bool:
        """Whether answers that were to be text pass."""
        return True

    def rewrite(self, context: Context, ask: Ask, answer: Answer) -> Answer | None:
        """The same words in another form; a document that is cut short keeps its own."""
        try:
            document = orjson.loads(answer.tool_calls[0].text if answer.tool else answer.text)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(document, dict) or not document:
            return None
        if self.form == "missing":
            *kept, _ = document.items()
            return replace(answer, pieces=_pieces(orjson.dumps(dict(kept)).decode()), calls=())
        text = _prose(document) if self.form == "prose" else f"```json\n{orjson.dumps(document).decode()}\n```"
        finish = "stop" if answer.finish == "tool" else answer.finish
        return replace(answer, pieces=_pieces(text), tool=None, calls=(), finish=finish)


def _prose(document: dict[str, Any]) -> str:
    said = (value if isinstance(value, str) else orjson.dumps(value).decode() for value in document.values())
    return "Sure! Here is what you asked for: " + ", ".join(said) + "."


def _pieces(text: str) -> tuple[str, ...]:
    """A piece a word, the first with what stands before it."""
    first, *rest = _WORDS.split(text)
    return (first + rest[0], *rest[1:]) if rest else (first,)


FAULT = SchemaIgnored
