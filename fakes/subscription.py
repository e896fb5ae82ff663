"""What Anthropic asks of a subscription's OAuth tokens beyond their standing: a beta header, and whose client it is.

Which header a token comes in and which beta it needs: the official SDK 2.10, `lib/credentials/_auth.py`. Clients of
third parties are told by the system prompt: anomalyco/opencode#417, earendil-works/pi#3012, and rynfar/meridian#255
for one whose conversation was refused in the middle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .dialects.base import Ask, Headers
from .limits import Refusal
from .standing import OK, AccountError, Change, Reach, insert
from .windows import untouched

TOKEN_PREFIX: Final = "sk-ant-oat01-"  # noqa: S105 - how every access token begins
"""How access tokens begin."""
BETA: Final = "oauth-2025-04-20"
"""The beta that a request with an access token must name."""
CLAUDE_CODE: Final = r"\AYou are Claude Code, Anthropic's official CLI for Claude"
"""The system prompt of the vendor's own client, as a regular expression."""
PATTERN_CHARS_MAX: Final = 1000
"""Longest regular expression."""
PROMPT_CHARS_MAX: Final = 100_000
"""Characters of a system prompt that are looked at."""

_UNSUPPORTED: Final = Refusal("bad_key", {"variant": "oauth_unsupported"})


@dataclass(frozen=True, slots=True)
class Mark:
    """How a third party's client is told by its system prompt.

    Attributes:
        allow: Whose prompt this expression finds nothing in is a third party; None asks for nothing.
        block: Whose prompt this expression is found in is a third party, whatever `allow` says.
    """

    allow: re.Pattern[str] | None
    block: re.Pattern[str] | None

    def fits(self, system: str) -> bool:
        """Whether the prompt is a third party's."""
        if self.block is not None and self.block.search(system):
            return True
        return self.allow is not None and not self.allow.search(system)


class Subscriptions:
    """The rules for access tokens.

    Attributes:
        beta_required: Whether a request must name the beta; it must once there are grants.
        chain: The changes of third parties' standing.

    Args:
        reach: Says what is in force.
    """

    def __init__(self, reach: Reach) -> None:
        self.beta_required = False
        self.chain: list[Change] = []
        self._reach = reach
        self._marks: dict[int, Mark] = {}

    def add(self, change: Change, allow: str | None, block: str | None) -> None:
        """Refuse third parties, or (state "ok") let them in again; `Mark` says how they are told.

        Raises:
            AccountError: when an expression is none, or too long.
        """
        if allow is None and block is None:
            allow = CLAUDE_CODE
        self._marks[change.number] = Mark(_expression(allow), _expression(block))
        insert(self.chain, change)
        self._marks = {each.number: self._marks[each.number] for each in self.chain}

    def changes(self) -> list[tuple[Change, Mark]]:
        """Every change that is kept, and how it tells third parties."""
        return [(change, self._marks[change.number]) for change in self.chain]

    def clear(self) -> None:
        """Let third parties in."""
        self.chain.clear()
        self._marks.clear()

    def refusal(self, credential: str, headers: Mapping[str, str]) -> Refusal | None:
        """What an access token is refused with for the headers that it came with; None for all else."""
        if not self.beta_required or not credential.startswith(TOKEN_PREFIX):
            return None
        if headers.get("x-api-key", "").strip() == credential:
            return Refusal("bad_key", {"credential": credential})  # there it is taken for a key, and is none
        betas = {each.strip() for each in headers.get("anthropic-beta", "").split(",")}
        return None if BETA in betas else _UNSUPPORTED

    def admit(self, credential: str, ask: Ask, now_s: float) -> Refusal | None:
        """What an access token is refused with for the client that uses it."""
        if not self.chain or ask.operation != "chat" or not credential.startswith(TOKEN_PREFIX):
            return None
        change = self._reach.in_force(self.chain, credential, now_s)
        if change is None or change.state == OK or not self._marks[change.number].fits(_system(ask.body)):
            return None
        return Refusal(change.state, change.details, change.entry)

    def headers(self, credential: str, headers: Headers, wall: Callable[[], float]) -> Headers:
        """`headers` of an answer with a subscription's windows in place of a key's limits, for an access token."""
        if not self.beta_required or not credential.startswith(TOKEN_PREFIX):
            return headers
        return untouched(headers, wall())


def _expression(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    if len(text) > PATTERN_CHARS_MAX:
        raise AccountError(f"a pattern has at most {PATTERN_CHARS_MAX} characters: shorten it")
    try:
        return re.compile(text)
    except re.error as error:
        raise AccountError(
            f"{text!r} is no regular expression ({error}): mend it, or escape what is literal"
        ) from error


def _system(body: Mapping[str, Any]) -> str:
    """The text of a request's system prompt, its blocks by lines."""
    system = body.get("system")
    if isinstance(system, list):
        texts = (block.get("text") for block in system if isinstance(block, dict))
        system = "\n".join(text for text in texts if isinstance(text, str))
    return system[:PROMPT_CHARS_MAX] if isinstance(system, str) else ""
