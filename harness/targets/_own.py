"""A router of the user's own that banstorm starts: by a command, or as a file describes it."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import shlex
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ...scenarios.model import Scenario
from ..errors import HarnessError, NotReadyError
from ..launch import Process, pick_port
from ..redact import redact
from ._placeholders import fill, names_for, unknown, values_for
from .base import OPENAI_CHAT, Endpoint, Options, ProviderAt, Target

READY_S_MAX: Final = 60.0
"""Seconds in which the readiness path must answer."""
ASK_S: Final = 0.1
"""Seconds between two questions whether it is ready."""
OF_SDKS: Final[Mapping[str, Mapping[str, str]]] = {
    "openai": {"OPENAI_BASE_URL": "url", "OPENAI_API_KEY": "key"},
    "anthropic": {"ANTHROPIC_BASE_URL": "url", "ANTHROPIC_API_KEY": "key"},
}
"""Variables that the vendors' SDKs read: a program that configures nothing else calls the fakes, not the vendor."""


def _path(text: str) -> str:
    """`text`, if an address may go on with it; empty is the root."""
    if not re.fullmatch(r"(/[^\s\x00-\x1f\x7f]*)?", text):
        what = "a path begins with a slash, such as /health, and holds no blank"
        raise PydanticCustomError("path", what)
    return text


_Path = Annotated[str, AfterValidator(_path)]


class Description(BaseModel):
    """How a router is started and called. In texts, ``{port}``, ``{openai_url}`` and so on are filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str = Field(description="Program and arguments; no shell is involved.")
    name: str | None = Field(default=None, description="What the report calls it.")
    env: dict[str, str] = Field(default_factory=dict, description="Environment beside the user's own.")
    config: str | None = Field(
        default=None, description="Configuration template, a path beside this file; filled in, it is {config}."
    )
    folder: str | None = Field(default=None, description="Working folder, a path beside this file; its own by default.")
    ready: _Path | None = Field(default=None, description="Path that answers 2xx once it is ready, such as /health.")
    path: _Path = Field(default="/v1", description="What comes between the address and the front's own path.")
    front: str = Field(default=OPENAI_CHAT, description="What its callers speak.")
    model: str | None = Field(
        default=None, description="Model that the callers ask for; the first provider's by default."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="What every call carries.")
    api_key: str | None = Field(default=None, description="Key that the callers send; never a real one.")
    metrics: _Path | None = Field(default=None, description="Path of its Prometheus metrics.")


class OwnTarget(Target):
    """Starts a described router on a free port, its providers' addresses filled in."""

    kind: ClassVar[str] = "command"

    def __init__(self, options: Options, told: Description, beside: Path) -> None:
        super().__init__(options)
        if options.settings:
            raise HarnessError(
                "--set works only on a target that banstorm configures", "--set", "write it into the command"
            )
        self.told = told
        self._beside = beside
        self._process: Process | None = None

    def check(self, scenario: Scenario) -> None:
        """Placeholders must be known, and the template readable."""
        more = () if self.told.config is None else ("config",)
        known = names_for(((name, each.dialect) for name, each in scenario.providers.items()), more)
        texts = {"command": self.told.command, "model": self.told.model or "", "config": self._template()}
        texts |= {f"env.{name}": value for name, value in self.told.env.items()}
        texts |= {f"headers.{name}": value for name, value in self.told.headers.items()}
        for where, text in texts.items():
            unknown(text, known, f"--target, {where}")
        if not self._words(self.told.command):
            raise HarnessError("no command", "--target", "name a program and its arguments")

    async def start(self, scenario: Scenario, providers: Mapping[str, ProviderAt], folder: Path) -> Endpoint:  # noqa: ARG002 - an interface
        """Write its configuration and start it; returns once its readiness path answers, if it has one.

        Raises:
            NotReadyError: when it ends before, or time is up.
        """
        port = pick_port()
        values = values_for(providers, port)
        if self.told.config is not None:
            path = (folder / f"config{Path(self.told.config).suffix}").resolve()
            path.write_text(fill(self._template(), values), "utf-8")
            values["config"] = str(path)
        self._process = Process(self.label, folder / "logs" / "target.log")
        words = [fill(each, values) for each in self._words(self.told.command)]
        await self._process.start(words, env=self._environment(providers, values), cwd=self._folder())
        root = f"http://127.0.0.1:{port}"
        if self.told.ready is not None:
            await self._until_ready(self._process, root + self.told.ready)
        first = next(iter(providers.values()))
        headers = {name: fill(value, values) for name, value in self.told.headers.items()}
        return Endpoint(
            base_url=root + self.told.path.rstrip("/"),
            model=self.options.model or fill(self.told.model or first.model, values),
            headers={**headers, **self.options.headers},
            api_key=self.options.api_key or self.told.api_key,
            metrics_url=root + self.told.metrics if self.told.metrics else None,
            front=self.front,
        )

    @property
    def front(self) -> str:
        """What the command line says, else the description."""
        return self.options.front or self.told.front

    @property
    def label(self) -> str:
        """The name it was given, else its program's."""
        words = self._words(self.told.command)
        named = next(
            (each for each in words if each.endswith((".py", ".js", ".mjs", ".ts"))), words[0] if words else ""
        )
        return self.options.label or self.told.name or Path(named).stem or "command"

    @property
    def process(self) -> Process | None:
        """The router's process."""
        return self._process

    @property
    def detail(self) -> str:
        """The command."""
        return redact(self.told.command)

    def _environment(self, providers: Mapping[str, ProviderAt], values: Mapping[str, str]) -> dict[str, str]:
        """The user's own, the vendors' SDKs turned to the fakes, and what the description says."""
        env = dict(os.environ) | {"PORT": values["port"]}
        spoken = {each.dialect for each in providers.values()}
        for dialect, names in OF_SDKS.items():
            for variable, kind in names.items():
                env.pop(variable, None)  # a real key has no business here
                if dialect in spoken:
                    env[variable] = values[f"{dialect}_{kind}"]
        env |= self.fence
        return env | {name: fill(value, values) for name, value in self.told.env.items()} | dict(self.environment)

    def _template(self) -> str:
        if self.told.config is None:
            return ""
        path = self._beside / self.told.config
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise HarnessError(
                f"the configuration template can't be read: {error}", str(path), "check config:"
            ) from error

    def _folder(self) -> Path | None:
        return self._beside / self.told.folder if self.told.folder else self._beside

    @staticmethod
    def _words(command: str) -> list[str]:
        try:
            return shlex.split(command)
        except ValueError as error:
            raise HarnessError(f"no command: {error}", "--target", "close its quotes") from error

    async def _until_ready(self, process: Process, url: str) -> None:
        until = time.monotonic() + READY_S_MAX
        while not await asyncio.to_thread(_answers, url):
            over = process.exited_ns is not None
            if over or time.monotonic() > until:
                end = process.end if over else f"did not answer at {url} in {READY_S_MAX:.0f} s"
                what = f"the target {end} before it was ready: {process.tail() or 'it said nothing'}"
                raise NotReadyError(what, str(process.log), "mend its configuration, or its readiness path")
            await asyncio.sleep(ASK_S)


def _answers(url: str) -> bool:
    """Whether a GET is answered with 2xx."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=1.0) as answer:
            return 200 <= int(answer.status) < 300
    except (OSError, ValueError, http.client.HTTPException):  # refused, another status, or no HTTP: TLS, say
        return False
