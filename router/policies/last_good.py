"""The last known-good answer to the same question, for when nobody can give a new one. Off unless configured.

An old answer is a different thing from a new one, so it is marked as such, and the call still counts as exhausted in
the metrics: what it hides from the caller it must not hide from the operator. It comes only from somebody whom the call
could have asked: terms hold for old answers, too.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from ..messages import LLMRequest, LLMResponse
from ..validate import UNFINISHED

if TYPE_CHECKING:
    from ..lane import Lane

ANSWER_CHARS_MAX = 256 * 1024
"""Longer answers aren't kept."""
_MANNER = frozenset({"stream", "stream_options", "user", "metadata"})
"""Parameters that change nothing about the answer."""


class LastGood:
    """Answers by what was asked, and by whom: one caller never gets another's.

    Args:
        entries_max: Answers that are kept; the one that was used least lately goes first.
        age_max_s: How old an answer may be, in seconds.
        clock: Seconds that only go forward.
    """

    def __init__(self, entries_max: int, age_max_s: float, clock: Callable[[], float]) -> None:
        self._entries_max, self._age_max_s, self._clock = entries_max, age_max_s, clock
        self._kept: OrderedDict[bytes, tuple[float, tuple[str, str], LLMResponse]] = OrderedDict()

    def keep(self, request: LLMRequest, answer: LLMResponse, lane: Lane) -> None:
        """Remember a good plain answer, and whose it is."""
        key = None if answer.finish_reason in UNFINISHED else _key(request)
        letters = len(answer.content or "") + sum(len(str(call)) for call in answer.tool_calls or ())
        if key is None or letters > ANSWER_CHARS_MAX:
            return
        self._kept[key] = (self._clock(), (lane.name, lane.model), answer)
        self._kept.move_to_end(key)
        if len(self._kept) > self._entries_max:
            self._kept.popitem(last=False)

    def find(self, request: LLMRequest, lanes: Iterable[Lane]) -> LLMResponse | None:
        """The last good answer to this request, marked as old.

        Args:
            request: What is asked.
            lanes: Who may answer it now; another's answer is none.

        Returns:
            None if there is none that is young enough.
        """
        key = _key(request)
        found = None if key is None else self._kept.get(key)
        if key is None or found is None:
            return None
        age_s = self._clock() - found[0]
        if age_s > self._age_max_s:
            del self._kept[key]
            return None
        if all((lane.name, lane.model) != found[1] for lane in lanes):
            return None
        self._kept.move_to_end(key)
        note = f"last known-good answer, {age_s:.0f} s old"
        return replace(found[2], notes=(*found[2].notes, note), metadata=request.metadata, tokens_used=0)


def _key(request: LLMRequest) -> bytes | None:
    # A service's answer is about the state of something, which an old one isn't.
    if request.operation == "service":
        return None
    asked = {name: value for name, value in request.chat().items() if name not in _MANNER}
    dialect = request.native.dialect if request.native is not None else ""
    own = request.native.body if request.native is not None else None
    try:
        what = [request.terms.caller, request.operation, dialect, asked, own]
        document = orjson.dumps(what, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return None
    return hashlib.blake2b(document, digest_size=16).digest()
