"""Isolated environments of targets: made once from the package registries, cached, never the user's own.

An environment lies in a folder of its own below the cache, named by what it holds, with every version pinned. A mark
is written when it is whole; one without it (the power failed, Ctrl-C) is made again. A file lock lets one run make it
while others wait.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import platform
import shutil
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import HarnessError
from ..launch import Process

PINS: Final = Path(__file__).parent / "pins"
"""What is installed, a file or folder a target."""
MARK: Final = "made"
"""File of an environment that is whole."""
INSTALL_S_MAX: Final = 900.0
"""Seconds that one step of an installation may take."""
WAIT_S_MAX: Final = 1800.0
"""Seconds to wait for another run that installs the same."""
WAIT_S: Final = 0.2
"""Seconds between two looks at another run's lock."""
SERVERS: Final = "/usr/sbin:/sbin"
"""Where Debian puts servers, which isn't on every user's PATH."""
_PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_OF_INSTALLERS: Final = ("PIP_", "NPM_CONFIG_", "npm_config_", "NODE_EXTRA_CA_CERTS")
_OF_NETWORKS: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_MISPLACING: Final = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV")


def cache_folder() -> Path:
    """Where environments are kept: BANSTORM_CACHE, else banstorm's folder in the user's cache.

    Raises:
        HarnessError: when there is no such folder, for the user has no home, as one in a container may not.
    """
    if own := os.environ.get("BANSTORM_CACHE"):
        return Path(own).absolute()
    if users := os.environ.get("XDG_CACHE_HOME"):
        return Path(users).absolute() / "banstorm"
    try:
        home = Path.home()
    except RuntimeError as error:
        what = f"there is no folder for what is installed: user {os.getuid()} has no home, and HOME isn't set"
        raise HarnessError(what, "HOME", "set BANSTORM_CACHE to a folder that can be written") from error
    return home.absolute() / ".cache" / "banstorm"


def clean_environment(home: Path) -> dict[str, str]:
    """The variables that a target is started with: no credential of the user's, and a home of its own."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "XDG_CONFIG_HOME": str(home / ".config")}


@dataclass(frozen=True, slots=True)
class Installation(ABC):
    """What a target needs, and where it goes. `name` is the target's, `version` the vendor's."""

    name: str
    version: str

    @property
    @abstractmethod
    def what(self) -> str:
        """Everything that decides what gets installed; another text is another environment."""

    @abstractmethod
    def steps(self, folder: Path) -> Iterator[Sequence[str]]:
        """The commands that fill `folder`, in order.

        Raises:
            HarnessError: when a runtime is missing.
        """

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        digest = hashlib.sha256(self.what.encode()).hexdigest()[:12]
        return cache_folder() / "targets" / f"{self.name}-{self.version}-{digest}"

    @property
    def made(self) -> bool:
        """Whether it is there and whole."""
        return (self.folder / MARK).is_file()

    async def make(self, tell: Callable[[str], None]) -> Path:
        """Make it unless it is there; its folder.

        Raises:
            HarnessError: when it can't be made; the installer's last words are in it.
        """
        folder = self.folder
        if self.made:
            return folder
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock = (folder.parent / f"{folder.name}.lock").open("ab")
        except OSError as error:
            advice = "name a folder that can be written in BANSTORM_CACHE"
            raise HarnessError(f"no room for {self.name}: {error.strerror}", str(folder.parent), advice) from error
        with lock:
            await self._hold(lock.fileno(), tell)
            if not self.made:
                await self._make(folder, tell)
        return folder

    async def _hold(self, descriptor: int, tell: Callable[[str], None]) -> None:
        """Take the lock; it is let go when its file is closed."""
        until = time.monotonic() + WAIT_S_MAX
        told = False
        while not _taken(descriptor):
            if not told:
                tell(f"another run installs {self.name}: waiting for it")
                told = True
            if time.monotonic() > until:
                what = f"another run has been installing {self.name} for {WAIT_S_MAX:.0f} s"
                raise HarnessError(what, str(self.folder), "end it, and run again")
            await asyncio.sleep(WAIT_S)

    async def _make(self, folder: Path, tell: Callable[[str], None]) -> None:
        log = await asyncio.to_thread(_cleared, folder)
        tell(f"installing {self.name} {self.version} into {folder} (once)")
        began = time.monotonic()
        for step in self.steps(folder):
            await self._do(step, folder, log)
        (folder / MARK).write_text(self.what, "utf-8")
        tell(f"installed {self.name} {self.version} in {time.monotonic() - began:.0f} s")

    async def _do(self, step: Sequence[str], folder: Path, log: Path) -> None:
        process = Process(f"the installer of {self.name}", log)
        await process.start(step, env=_installer_environment(), cwd=folder)
        try:
            code = await process.ended(INSTALL_S_MAX)
        finally:
            await process.stop()
        if code != 0:
            end = f"took longer than {INSTALL_S_MAX:.0f} s" if code is None else process.end
            what = f"{self.name} {self.version} can't be installed: the installer {end}: {process.tail(2)}"
            raise HarnessError(
                what, str(log), f"see that the package registry answers, then banstorm prepare {self.name}"
            )


@dataclass(frozen=True, slots=True)
class PythonInstallation(Installation):
    """A virtual environment of the Python that runs banstorm, filled by pip.

    `requirements` are the packages asked for; ``pins/<name>.txt`` holds the version of each that comes with them.
    """

    requirements: tuple[str, ...]

    @property
    def pins(self) -> Path:
        """The constraints file."""
        return PINS / f"{self.name}.txt"

    @property
    def what(self) -> str:
        """Requirements, pins, Python and machine."""
        about = [platform.python_implementation(), platform.python_version(), sys.platform, platform.machine()]
        return "\n".join([*about, *self.requirements, self.pins.read_text("utf-8")])

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    def steps(self, folder: Path) -> Iterator[Sequence[str]]:
        """A bare environment, then the packages."""
        yield [sys.executable, "-m", "venv", str(folder)]
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
        yield [*pip, "--quiet", "--prefer-binary", "--constraint", str(self.pins), *self.requirements]


@dataclass(frozen=True, slots=True)
class NodeInstallation(Installation):
    """A folder of node modules, filled by npm from the lock file in ``pins/<name>``. No package's script is run."""

    @property
    def what(self) -> str:
        """Package and lock file, and machine."""
        files = [(PINS / self.name / each).read_text("utf-8") for each in ("package.json", "package-lock.json")]
        return "\n".join([sys.platform, platform.machine(), *files])

    def steps(self, folder: Path) -> Iterator[Sequence[str]]:
        """What `npm ci` does."""
        npm = program("npm", "install Node.js 20 or later, which brings it")
        for each in ("package.json", "package-lock.json"):
            shutil.copyfile(PINS / self.name / each, folder / each)
        yield [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]


def _cleared(folder: Path) -> Path:
    """Make `folder` anew, empty; the file beside it that the installer's words go to."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    log = folder.parent / f"{folder.name}.log"
    log.unlink(missing_ok=True)
    return log


def program(name: str, advice: str) -> str:
    """Where the program `name` is.

    Raises:
        HarnessError: when it is not on the PATH; `advice` says what to do.
    """
    found = shutil.which(name) or shutil.which(name, path=SERVERS)
    if found is None:
        raise HarnessError(f"{name} is not installed", "the PATH", advice)
    return found


def _installer_environment() -> Mapping[str, str]:
    """The user's settings of pip, npm and the network, and nothing that would place packages elsewhere."""
    kept = {name: value for name, value in os.environ.items() if name in {*_PASSED_ON, "HOME", "XDG_CACHE_HOME"}}
    kept |= {name: value for name, value in os.environ.items() if name.startswith(_OF_INSTALLERS)}
    kept |= {name: value for name, value in os.environ.items() if name.upper() in _OF_NETWORKS}
    return {name: value for name, value in kept.items() if name not in _MISPLACING}


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
