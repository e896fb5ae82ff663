"""A plain load balancer: it passes requests on as they are, so all its providers must speak one dialect."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import ClassVar, Final
from urllib.parse import urlsplit

from ...scenarios.model import Scenario
from ..errors import HarnessError
from ._installation import program
from ._program import ProgramTarget
from .base import OPENAI_CHAT, ProviderAt

FRONTS: Final[Mapping[str, str]] = {"anthropic": "anthropic_messages", "openai": OPENAI_CHAT}
"""Dialects that the load generator speaks itself, and its name for each."""
RETRIED: Final = (401, 403, 429, 500, 502, 503, 504)
"""Statuses upon which a balancer that can be told so asks the next provider."""


class BalancerTarget(ProgramTarget):
    """The callers speak the providers' dialect and ask for the first provider's model, with its key."""

    kind: ClassVar[str] = "balancer"
    dialects: ClassVar[Mapping[str, str]] = {name: name for name in FRONTS}
    _front: str = OPENAI_CHAT

    def check(self, scenario: Scenario) -> None:
        """Refuse providers of several dialects."""
        dialects = list(dict.fromkeys(each.dialect for each in scenario.providers.values()))
        if len(dialects) > 1 or dialects[0] not in FRONTS:
            usable = [each for each in dialects if each in FRONTS] or list(FRONTS)
            what = (
                f"{self.name} passes requests on untranslated, and the scenario's providers speak {', '.join(dialects)}"
            )
            advice = f"play it with all of them in one dialect: {' or '.join(f'--dialect {each}' for each in usable)}"
            raise HarnessError(what, "providers", advice)
        super().check(scenario)
        self._front = FRONTS[dialects[0]]

    @property
    def front(self) -> str:
        """The providers' own dialect."""
        return self.options.front or self._front


class MachineBalancerTarget(BalancerTarget):
    """A balancer that the machine has: its version is asked for, not pinned."""

    advice: ClassVar[str]
    """What to do where it is missing."""
    installation: ClassVar[None] = None
    _found: str | None = None

    def check(self, scenario: Scenario) -> None:
        """It must be there."""
        super().check(scenario)
        program(self.name, self.advice)

    async def prepare(self, tell: Callable[[str], None]) -> None:  # noqa: ARG002 - nothing is installed
        """Ask for its version."""
        asked = await asyncio.create_subprocess_exec(
            program(self.name, self.advice), "-v", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asked.communicate()
        match = re.search(rb"\d+\.\d+(?:\.\d+)?", said)
        self._found = match[0].decode() if match else None

    @property
    def detail(self) -> str:
        """Its version, as it says itself."""
        return f"{self.name} {self._found or ''} of this machine".replace("  ", " ")


def address(each: ProviderAt) -> tuple[str, int]:
    """Host and port of a provider.

    Raises:
        HarnessError: when it is reached by TLS, as under ``--intercept``.
    """
    parts = urlsplit(each.base_url)
    if parts.scheme != "http" or parts.hostname is None or parts.port is None:
        raise HarnessError(
            "a balancer knows no HTTPS proxy", "--intercept", "leave it out: it is configured by address"
        )
    return parts.hostname, parts.port
