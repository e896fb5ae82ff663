"""Where a refresh token is kept between its exchanges, so that a used one is never sent again.

A refresh token works once. Vendors take a second use for theft and end the whole login, access tokens included
(`refresh_token_reused` at OpenAI). So a token is marked as sent before it leaves, and the mark goes only when the
endpoint's answer has been stored, or when it is known that the token wasn't exchanged. Whoever finds the mark, after a
crash as well, knows that the rotation was lost.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import Protocol

from .config import Provider
from .config_oauth import OAuth
from .credentials import read_env, read_file
from .errors import ConfigError

MODE = 0o600


class RotationLost(Exception):  # noqa: N818 - named for what happened
    """The token was sent and no answer was stored: it may have been exchanged."""


class ExchangedElsewhere(Exception):  # noqa: N818 - named for what happened
    """Another process exchanges this token right now."""


class RefreshToken(Protocol):
    """A refresh token's place. `take` is followed by exactly one of `keep`, `give_back` and `lose`."""

    def take(self) -> str:
        """The token, which is going to be sent; it is marked as such.

        Raises:
            RotationLost: It was sent before, and nobody knows what became of it.
            ExchangedElsewhere: Somebody else has taken it.
            ConfigError: It can't be read.
        """
        ...

    def keep(self, following: str | None) -> None:
        """It was exchanged: the one that follows, or None if this one stays good."""
        ...

    def give_back(self) -> None:
        """It wasn't exchanged, and may be sent again."""
        ...

    def lose(self) -> None:
        """It may have been exchanged, and must not be sent again."""
        ...

    def replaced(self) -> bool:
        """Whether somebody has put another one in its place since it was taken."""
        ...


class InMemory:
    """A token from the environment: what follows it is lost with the process. Several logins may share it.

    Args:
        token: The first one.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._sent = threading.Lock()  # routers of one process may have a thread each
        self._lost = False

    def take(self) -> str:
        """See `RefreshToken`."""
        if self._lost:
            raise RotationLost
        if not self._sent.acquire(blocking=False):
            raise ExchangedElsewhere
        return self._token

    def keep(self, following: str | None) -> None:
        """See `RefreshToken`."""
        self._token = following or self._token
        self._sent.release()

    def give_back(self) -> None:
        """See `RefreshToken`."""
        self._sent.release()

    def lose(self) -> None:
        """See `RefreshToken`."""
        self._lost = True

    def replaced(self) -> bool:
        """Nobody can."""
        return False


_IN_MEMORY: dict[tuple[str, str], InMemory] = {}
"""By variable and first token, as long as the process lives. The variable goes on holding the first one, so whoever
reads it again (other keys for a provider, a provider removed and added) would send a used token."""


def _in_memory(variable: str, where: str) -> InMemory:
    first = read_env(variable, where)
    return _IN_MEMORY.setdefault((variable, first), InMemory(first))


class InFile:
    """A token in a file, which several routers of one machine may share: they take turns.

    The mark is a file beside it (`<name>.sent`) with the hash of the token that is on its way. The same file is the
    lock.

    Args:
        path: The file.
        where: Its place in the configuration, for errors.
    """

    def __init__(self, path: Path, where: str) -> None:
        self._path, self._where = path, where
        self._mark = path.with_name(f"{path.name}.sent")
        self._taken = ""
        self._unwritten = ""
        self._held: int | None = None

    def take(self) -> str:
        """See `RefreshToken`."""
        if self._unwritten:
            replace(self._path, self._unwritten)
            self._unwritten = ""
        self._held = os.open(self._mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
        try:
            return self._mark_sent(self._held)
        except BaseException:
            self.lose()
            raise

    def _mark_sent(self, held: int) -> str:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExchangedElsewhere from None
        # Read behind the lock: whoever had it may have exchanged the token.
        self._taken = read_file(self._path, self._where)
        if os.pread(held, 64, 0) == _hash(self._taken):
            raise RotationLost
        _write(held, _hash(self._taken))
        return self._taken

    def keep(self, following: str | None) -> None:
        """See `RefreshToken`. If it can't be written, the mark stays, and the next `take` tries again."""
        if following is None or following == self._taken:
            self.give_back()
            return
        try:
            replace(self._path, following)
        except OSError:
            self._unwritten = following
            self.lose()
            raise
        self._taken = following
        self.give_back()

    def give_back(self) -> None:
        """See `RefreshToken`."""
        if self._held is not None:
            _write(self._held, b"")
        self.lose()

    def lose(self) -> None:
        """See `RefreshToken`."""
        held, self._held = self._held, None
        if held is not None:
            os.close(held)

    def replaced(self) -> bool:
        """See `RefreshToken`."""
        try:
            return self._path.read_text(encoding="utf-8").strip() not in {"", self._taken}
        except (OSError, UnicodeDecodeError):
            return False


def read_logins(provider: Provider) -> list[tuple[str, RefreshToken, OAuth]]:
    """A provider's logins, each with its label and the place of its refresh token.

    Raises:
        ConfigError: A variable isn't set, or a file can't be read, is empty, or stands where nothing can be written.
    """
    found: list[tuple[str, RefreshToken, OAuth]] = []
    for place, login in enumerate(provider.oauth):
        where = f"providers, {provider.name}, oauth[{place}]"
        path = login.refresh_token_file
        if path is None:
            name = login.refresh_token_env or ""
            found.append((name, _in_memory(name, where), login))
            continue
        read_file(path, where)
        if not os.access(path.parent, os.W_OK):
            what = f"the folder of {str(path)!r} can't be written to: a refresh token that rotates would be lost"
            raise ConfigError(what, where, "keep it in a folder of the router's own")
        found.append((path.name, InFile(path, where), login))
    return found


def replace(path: Path, secret: str) -> None:
    """Put a secret into a file that only its owner can read; readers see the old one or the new one, never a part.

    Raises:
        OSError: It can't be written; the old one stands.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        try:
            _write(descriptor, secret.encode() + b"\n")
        finally:
            os.close(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)
    os.fsync(descriptor)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).hexdigest().encode()
