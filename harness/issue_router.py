"""The router under test as its maintainers would start it: its configuration, pointed at a reproduction's providers."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..reports.manifest import Manifest
from .errors import HarnessError
from .redact import redact
from .targets._baseline import baseline
from .targets._choice import choose
from .targets._installation import cache_folder
from .targets._own import OwnTarget
from .targets._placeholders import fill, values_for
from .targets._program import SERVERS, ProgramTarget
from .targets.base import Options, ProviderAt

PORT: Final = 9100
"""Port of the router in a reproduction."""
KEY: Final = "made-up-key"
FILE_CHARS_MAX: Final = 20_000
"""Most characters shown of a file of the configuration."""
HOME: Final = Path("/home-of-the-router")
"""Stands for the folder that the files lie in."""


@dataclass(frozen=True)
class Router:
    """How it is started and called."""

    base_url: str
    model: str
    command: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    api_key: str | None = None
    departures: Sequence[str] = ()


def router(manifest: Manifest, folder: Path, providers: Mapping[str, ProviderAt]) -> Router:
    """The router of a run: for one that banstorm configures as it would be for `providers`, else what the run kept."""
    target = _target(manifest)
    base_url = f"http://127.0.0.1:{PORT}/v1"
    model = manifest.target.model or "m"
    if isinstance(target, ProgramTarget):
        target.check(manifest.scenario)
        launch = target.render(baseline(manifest.scenario), providers, PORT, HOME)
        return Router(
            base_url=launch.base_url or base_url,
            model=model,
            command=_shown(launch.command),
            files={name: _public(text) for name, text in launch.files.items()},
            variables={name: _public(text) for name, text in launch.variables.items()},
            headers=launch.headers,
            api_key=launch.api_key,
            departures=launch.departures,
        )
    if isinstance(target, OwnTarget):
        values = values_for(providers, PORT)
        return Router(
            base_url=f"http://127.0.0.1:{PORT}{target.told.path.rstrip('/')}",
            model=model,
            command=_public(fill(target.told.command, values)),
            files=_kept(manifest, folder, providers),
            headers={name: fill(value, values) for name, value in target.told.headers.items()},
            api_key=target.told.api_key,
        )
    return Router(base_url=manifest.target.url or base_url, model=model, files=_kept(manifest, folder, providers))


def _target(manifest: Manifest) -> Any:
    """The target that the run's command names, if it still can be; else None."""
    words = shlex.split(manifest.command)
    name = words[words.index("--target") + 1] if "--target" in words[:-1] else "reference"
    try:
        return choose(name, Options())
    except HarnessError:
        return None  # its description is gone: what the run kept will do


def _shown(command: object) -> str:
    words = [str(each) for each in command] if isinstance(command, list | tuple) else [str(command)]
    return _public(shlex.join(words))


def _public(text: str) -> str:
    """Without this machine's folders, and without what looks like a key."""
    folders: dict[str, str] = {str(SERVERS): "banstorm/servers", sys.prefix: "python"}
    with contextlib.suppress(HarnessError):  # no cache, so nothing names it
        folders = {str(cache_folder()): "installation"} | folders
    for folder, name in folders.items():
        text = text.replace(folder, f"<{name}>")
    return redact(text.replace(str(HOME), "."))[:FILE_CHARS_MAX]


def _kept(manifest: Manifest, folder: Path, providers: Mapping[str, ProviderAt]) -> dict[str, str]:
    """The configuration files in the run's folder, its providers' ports replaced."""
    files = {}
    for path in sorted([*folder.glob("router.yaml"), *folder.glob("config*.*")]):
        text = path.read_text("utf-8", "replace").replace(str(folder.resolve()), ".")
        for name, each in providers.items():
            text = text.replace(f"127.0.0.1:{manifest.ports.get(name)}", each.base_url.split("/")[2])
        files[path.name] = _public(text)
    return files
