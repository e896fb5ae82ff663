"""The outcome of a call: what the caller got, by the table of the design. Pure.

Precedence: foreign; corrupted or stitched; truncated or shortened; error; late. Where the table leaves room:

* The wire's own ending decides what a *prefix* is. Ended as a success (2xx, transport complete, no error): `truncated`,
  or `shortened` when the finish is ``length``; a stream that closes cleanly without ``[DONE]`` is such a success, since
  the official SDK ends without an exception. Followed by a proper in-stream error: `error`. Followed by a reset or by a
  close in the middle of the body, which every client reports: `refused`. Followed by nothing until give-up: `hung`.
* A transport that broke, an in-stream error or give-up after *all* the words is still `refused`, `error` or `hung`:
  the caller was told that the answer failed, or told nothing. All the words and a clean close without ``[DONE]`` is the
  right answer; the row's `terminated` says what was missing.
* Verified words of another call are `foreign` wherever they stand, in a refusal's body or beside a tool call too; a
  word that names another call but doesn't verify is a damaged one. Words out of order are `corrupted` however the call
  ended, but a refusal's body is not searched for them.
* A 2xx that ended well and holds no word at all: nothing was said, `truncated`; something else was said, `corrupted`. A
  200 whose body is an error object is no proper error (no status says so, no SDK raises): `truncated` as well.
* A 2xx without a word whose finish reason says that the model declined, or that the answer was kept back, is `error`:
  the caller was told so, in the place where the dialect tells it. With words before it, it is a prefix like any other.
* An event that is no JSON makes the stream `corrupted`, whatever came before it.
* All the words in a form nobody asked for (text around them, an object that doesn't parse or has other keys, another
  tool, text instead of a tool call) is `corrupted`; an object cut before its closing brace is a prefix.
* `stitched` stays `stitched` where the scenario allows continuation; it is then good, and `late` past the deadline.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from ...fakes.answer import TOOL_NAME, Inspection, Mark, Reading, Shape, expected_object, inspect, word
from .front import Heard

_WORDS: Final = re.compile(r'~[^\s"\\]*')
_WORD: Final = re.compile(
    r"~(?P<run>[0-9a-f]{6})\.(?P<call>\d{1,9})\.(?P<provider>[a-z][a-z0-9_-]*)\.(?P<place>\d{1,4})\.(?P<total>\d{1,4})\..{4}"
)
_DECLINED: Final = frozenset({"content_filter", "refusal"})
"""Finish reasons of an answer that isn't given, in the words of OpenAI and of Anthropic."""
_BEGINNING: Final = '{"answer":"'
"""How an object begins before its first word, without blanks."""


class Ending(StrEnum):
    """How the transport under a call ended."""

    COMPLETE = "complete"
    REFUSED = "refused"  # no connection
    RESET = "reset"  # the connection broke
    CLOSED = "closed"  # closed before the message was whole
    GARBLED = "garbled"  # what came is not HTTP
    GAVE_UP = "gave_up"  # the caller left at give-up
    STOPPED = "stopped"  # the run was stopped
    LEFT = "left"  # the caller left in the middle, as the timeline said
    UNSENT = "unsent"  # our own in-flight cap


_OURS: Final = {Ending.UNSENT: "unsent", Ending.STOPPED: "unknown"}
_BROKEN: Final = {
    Ending.REFUSED: "refused",
    Ending.RESET: "refused",
    Ending.CLOSED: "refused",
    Ending.GARBLED: "refused",
    Ending.GAVE_UP: "hung",
    Ending.LEFT: "left",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A call's outcome, whether it is good, and what the words said."""

    outcome: str
    good: bool
    error: str | None
    terminated: bool
    provider: str | None
    places: int
    answer_hash: str | None


def judge(
    mark: Mark,
    heard: Heard,
    ending: Ending,
    status: int | None,
    *,
    latency_ns: int,
    deadline_ns: int,
    allow_continuation: bool = False,
) -> Verdict:
    """The verdict on one call.

    Args:
        mark: what the call asked for.
        heard: what the answer said; for a status that is not 2xx, `text` is the raw body and `error` its name.
        ending: how the transport ended.
        status: HTTP status, None if none came.
        latency_ns: from the instant the call was due to its end.
        deadline_ns: after this, a right answer is late.
        allow_continuation: an answer continued by a second provider counts as right.
    """
    content = heard.arguments or heard.text
    success = status is not None and 200 <= status < 300
    reading = inspect(content, mark)
    outcome = _outcome(mark, heard, reading, ending, status, allow_continuation=allow_continuation)
    if latency_ns > deadline_ns and (outcome == "ok" or (outcome == "stitched" and allow_continuation)):
        outcome = "late"
    return Verdict(
        outcome=outcome,
        good=outcome == "ok" or (outcome == "stitched" and allow_continuation),
        error=_error(heard, ending) or (heard.finish if success and _declined(heard, reading) else None),
        terminated=success and ending is Ending.COMPLETE and heard.ended,
        provider="+".join(reading.providers) or None,
        places=reading.places,
        answer_hash=hashlib.blake2b(content.encode(), digest_size=8).hexdigest() if content and success else None,
    )


class _Form(StrEnum):
    RIGHT = "right"
    CUT = "cut"  # right as far as it goes
    WRONG = "wrong"


def _outcome(
    mark: Mark, heard: Heard, reading: Inspection, ending: Ending, status: int | None, *, allow_continuation: bool
) -> str:
    if ending in _OURS:
        return _OURS[ending]
    suspicious = reading.reading in (Reading.FOREIGN, Reading.CORRUPTED) or (heard.arguments and heard.text)
    if suspicious and _names_another(f"{heard.text} {heard.arguments}", mark):
        return "foreign"
    if status is None:
        return _BROKEN.get(ending, "unknown")
    if not 200 <= status < 300:
        if ending is Ending.LEFT:
            return "left"
        return "hung" if ending is Ending.GAVE_UP else "error"
    form = _form(mark, heard, reading)
    if form is _Form.WRONG or heard.malformed:
        return "corrupted"
    failed = _BROKEN.get(ending) or ("error" if _told(heard, reading) else None)
    if form is _Form.RIGHT and reading.reading is Reading.STITCHED:
        return (allow_continuation and failed) or "stitched"
    if failed:
        return failed
    if form is _Form.CUT:
        return "shortened" if heard.finish == "length" else "truncated"
    return "ok"


def _told(heard: Heard, reading: Inspection) -> bool:
    """Whether the caller was told that there is no answer, or no whole one."""
    # An error inside a stream ends it, so its proper end was never seen; a plain body with an error object has ended.
    return (heard.error is not None and not heard.ended) or _declined(heard, reading)


def _declined(heard: Heard, reading: Inspection) -> bool:
    return heard.finish in _DECLINED and not reading.places and not heard.error


def _names_another(text: str, mark: Mark) -> bool:
    """Whether any word of `text` is a whole, verified word of another call or run."""
    for token in _WORDS.findall(text):
        match = _WORD.fullmatch(token)
        if match is None or (match["run"] == mark.run and int(match["call"]) == mark.call):
            continue
        other = Mark(match["run"], int(match["call"]), Shape.TEXT, int(match["total"]))
        if token == word(other, match["provider"], int(match["place"])):
            return True
    return False


def _error(heard: Heard, ending: Ending) -> str | None:
    if heard.error or heard.malformed:
        return heard.error or heard.malformed
    return None if ending is Ending.COMPLETE else ending.value


def _form(mark: Mark, heard: Heard, reading: Inspection) -> _Form:
    """Whether the content has the shape that the call asked for."""
    if reading.reading in (Reading.CORRUPTED, Reading.FOREIGN):  # foreign, yet no word of another call verifies
        return _Form.WRONG
    tool_called = heard.tool is not None or heard.arguments != ""
    if mark.shape is Shape.TOOL:
        if heard.tool != TOOL_NAME and (tool_called or heard.text.strip()):
            return _Form.WRONG
        return _form_of_object(mark, heard.arguments.strip(), reading)
    if tool_called:
        return _Form.WRONG
    if mark.shape is Shape.JSON:
        return _form_of_object(mark, heard.text.strip(), reading)
    # `inspect` has verified each word, so the text is canonical if there is nothing but words and single blanks.
    text = heard.text.strip()
    if " ".join(_WORDS.findall(text)) != text:
        return _Form.WRONG
    return _Form.CUT if reading.reading is Reading.PREFIX else _Form.RIGHT


def _form_of_object(mark: Mark, text: str, reading: Inspection) -> _Form:
    if "~" not in text:
        return _Form.CUT if _BEGINNING.startswith("".join(text.split())) else _Form.WRONG
    try:
        found = orjson.loads(text)
    except ValueError:
        return _Form.CUT if text.startswith("{") and not text.endswith("}") else _Form.WRONG
    if reading.reading is Reading.PREFIX:
        return _Form.CUT if isinstance(found, dict) else _Form.WRONG
    return _Form.RIGHT if found == _whole_object(mark, reading, text) else _Form.WRONG


def _whole_object(mark: Mark, reading: Inspection, text: str) -> dict[str, Any]:
    if reading.reading is Reading.EXACT:
        return expected_object(mark, reading.providers[0])
    return {"answer": " ".join(_WORDS.findall(text)), "length": mark.words}
