"""The answers that a user brings to `banstorm serve`: a file of canned ones, a recording, or both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..fakes.canned import CannedAnswers, CannedError
from ..fakes.recording import RecordingError, read
from ..fakes.replay import SPEED_MAX, Replay
from .errors import HarnessError

if TYPE_CHECKING:
    from ..fakes.account import Accounts
    from ..fakes.app import ASGIApp, Scope
    from ..fakes.dialects.base import Dialect


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for.

    Attributes:
        answers: A file of canned answers.
        replay: A recording.
        speed: How many times as fast as recorded it is played; 0 for at once.
        strict: Whether a request that was never recorded is refused.
    """

    answers: Path | None = None
    replay: Path | None = None
    speed: float = 1.0
    strict: bool = False


@dataclass(frozen=True, slots=True)
class OwnAnswers:
    """Answers that come before a fake's own: recorded ones first, then canned ones.

    Attributes:
        script: The canned answers.
        replay: The recorded ones.
        lines: What is printed about them.
    """

    script: CannedAnswers | None = None
    replay: Replay | None = None
    lines: tuple[str, ...] = field(default=())

    @classmethod
    def load(cls, wish: Wish, dialects: Mapping[str, Dialect]) -> OwnAnswers:
        """The answers wished for, for the providers that are served.

        Raises:
            HarnessError: when a file can't be used, or an option makes no sense.
        """
        if wish.strict and wish.answers is not None:
            raise HarnessError(
                "--replay-strict leaves nothing to canned answers",
                "the command line",
                "leave out one of the two options",
            )
        lines: list[str] = []
        script = None if wish.answers is None else _canned(wish.answers, dialects)
        if script is not None:
            lines.append(f"# {len(script.rules)} canned answers from {wish.answers}")
        replay = _replay(wish, dialects)
        if replay is not None:
            counts = ", ".join(f"{name} {count}" for name, count in sorted(replay.providers.items()))
            rest = "what was never recorded is refused" if replay.strict else "what was never recorded is made up"
            lines.append(f"# recorded answers from {wish.replay}: {counts}; {rest}")
        return cls(script, replay, tuple(lines))

    def wrap(self, app: ASGIApp, name: str, dialect: Dialect, accounts: Accounts) -> ASGIApp:
        """The fake called `name` behind what was recorded of it; who is in bad standing gets no recording."""
        if self.replay is None:
            return app

        def stands(scope: Scope) -> bool:
            headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
            query = scope["query_string"].decode("latin-1")
            credential = dialect.credential(headers, f"{scope['path']}?{query}" if query else scope["path"])
            return credential is None or accounts.refusal(credential, scope=scope, headers=headers) is None

        return self.replay.wrap(app, name, dialect, stands)


def _canned(path: Path, dialects: Mapping[str, Dialect]) -> CannedAnswers:
    try:
        return CannedAnswers.load(path, dialects)
    except CannedError as error:
        raise HarnessError(error.what, error.where, error.advice) from error


def _replay(wish: Wish, dialects: Mapping[str, Dialect]) -> Replay | None:
    if wish.replay is None:
        if wish.strict or wish.speed != 1.0:
            option = "--replay-strict" if wish.strict else "--replay-speed"
            raise HarnessError(f"{option} without a recording", "the command line", "name it with --replay FILE")
        return None
    if not math.isfinite(wish.speed) or (wish.speed != 0 and not 1 / SPEED_MAX <= wish.speed <= SPEED_MAX):
        raise HarnessError(
            f"a speed of {wish.speed:g}",
            "--replay-speed",
            f"write 0 for at once, or {1 / SPEED_MAX:g} to {SPEED_MAX:g}",
        )
    try:
        exchanges = read(wish.replay)
    except RecordingError as error:
        raise HarnessError(error.what, error.where, error.advice) from error
    if not exchanges:
        raise HarnessError("a recording of nothing", str(wish.replay), "record again: its file has a line an exchange")
    replay = Replay(exchanges, speed=wish.speed, strict=wish.strict)
    if not replay.providers.keys() & dialects.keys():
        raise HarnessError(
            f"a recording of {', '.join(sorted(replay.providers))}, none of which is served",
            str(wish.replay),
            "serve one of them",
        )
    return replay
