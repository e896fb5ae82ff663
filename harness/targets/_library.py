"""A target that is a library: a small server of ours around it, in the library's own environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ._baseline import Baseline
from ._installation import PythonInstallation
from ._program import SERVERS, Launch, ProgramTarget, root_of
from .base import ProviderAt


class LibraryTarget(ProgramTarget):
    """Starts ``servers/<server>`` with a settings file: port, limits and providers. The front is chat completions."""

    kind: ClassVar[str] = "library"
    dialects: ClassVar[Mapping[str, str]] = {"anthropic": "anthropic", "openai": "openai"}
    server: ClassVar[str]
    """File in ``servers``."""
    variables: ClassVar[Mapping[str, str]] = {}
    """Environment that the library wants."""
    installation: ClassVar[PythonInstallation]

    def render(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int, home: Path) -> Launch:
        """The settings file and the server's command."""
        settings = {"port": port, "timeout_s": base.timeout_s, "retries": base.retries}
        settings |= self.settings(base, providers)
        return Launch(
            command=[self.installation.python, str(SERVERS / self.server), str(home / "settings.json")],
            base_url=f"http://127.0.0.1:{port}/v1",
            model="banstorm",
            files={"settings.json": json.dumps(settings, indent=1)},
            variables=self.variables,
            departures=self.departures(base),
        )

    def settings(self, base: Baseline, providers: Mapping[str, ProviderAt]) -> Mapping[str, Any]:  # noqa: ARG002 - an interface
        """What the server is told besides: by default the providers."""
        return {"providers": [told(name, each) for name, each in providers.items()]}

    def departures(self, base: Baseline) -> list[str]:
        """What differs from the library's defaults, a line each: by default the limits of the vendors' SDKs."""
        return [f"timeout {base.timeout_s:g} s (default 600 s)", f"max_retries {base.retries} (default 2)"]


def told(name: str, each: ProviderAt) -> dict[str, str]:
    """A provider as the servers are told of it; the base URL is what the vendor's SDK wants."""
    root = root_of(each.base_url)
    base_url = root if each.dialect == "anthropic" else f"{root}/v1"
    return {"name": name, "dialect": each.dialect, "model": each.model, "base_url": base_url, "key": each.key}
