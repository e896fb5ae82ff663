"""The reference router, started as a process of its own like any other target."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from ...fakes.dialects import GENERIC
from ...scenarios.model import Scenario
from ..errors import HarnessError
from ..launch import Process, pick_port
from ..logins import LoginAt
from .base import Endpoint, Options, ProviderAt, Target


class ReferenceTarget(Target):
    """`python -P -m banstorm.router` with the scenario's providers in their order."""

    name: ClassVar[str] = "reference"
    kind: ClassVar[str] = "reference"
    holds_logins: ClassVar[bool] = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._process: Process | None = None
        self._logins: Path | None = None

    async def start(self, scenario: Scenario, providers: Mapping[str, ProviderAt], folder: Path) -> Endpoint:
        """Write its configuration into `folder` and start it on a free port."""
        port = pick_port()
        if all(each.dialect == GENERIC for each in providers.values()):
            what = "the scenario has services alone: no provider takes prompts"
            raise HarnessError(what, "providers", "add one of a vendor's dialect")
        # Numbered, since the names a-b and a_b would be one variable.
        keys = {
            name: f"BANSTORM_KEY_{number}_{name.upper().replace('-', '_')}" for number, name in enumerate(providers, 1)
        }
        self._logins = logins = folder / "logins"
        config: dict[str, Any] = {
            "listen": {"host": "127.0.0.1", "port": port},
            "providers": [
                {
                    "name": name,
                    "dialect": each.dialect,
                    "base_url": each.base_url,
                    "model": each.model,
                    **({"api_key_env": keys[name]} if each.login is None else _login(each.login, name, logins)),
                    **_service(scenario, name),
                }
                for name, each in providers.items()
            ],
        }
        if self.environment:
            config["proxy_from_env"] = True
        for item in self.options.settings:
            put(config, item)
        path = folder / "router.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
        self._process = Process("reference router", folder / "logs" / "target.log")
        env = dict(os.environ) | dict(self.environment) | {keys[name]: each.key for name, each in providers.items()}
        await self._process.start([sys.executable, "-P", "-m", "banstorm.router", "--config", str(path)], env=env)
        root = f"http://127.0.0.1:{port}"
        return Endpoint(
            base_url=f"{root}/v1",
            model=self.options.model or "banstorm",
            headers=self.options.headers,
            api_key=self.options.api_key,
            metrics_url=f"{root}/metrics",
        )

    def clean_up(self) -> None:
        """Remove the refresh tokens; they were worth nothing any more."""
        if self._logins is not None:
            shutil.rmtree(self._logins, ignore_errors=True)

    @property
    def process(self) -> Process | None:
        """The router's process."""
        return self._process

    @property
    def detail(self) -> str:
        """What was set, if anything."""
        return "reference router" + (f" with {', '.join(self.options.settings)}" if self.options.settings else "")


def _login(login: LoginAt, name: str, folder: Path) -> dict[str, Any]:
    """A login's place in the configuration; its refresh token goes into a file, which the router rewrites.

    Raises:
        HarnessError: when the file can't be written.
    """
    path = folder.resolve() / name  # the router has a folder of its own
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(login.refresh_token + "\n", "utf-8")
    except OSError as error:
        what = f"the refresh token can't be written: {error.strerror}"
        raise HarnessError(what, str(path), "choose another folder with --out") from error
    return {"oauth": [{"refresh_token_file": str(path), "token_url": login.token_url}]}


def _service(scenario: Scenario, name: str) -> dict[str, Any]:
    """Where a service that is no LLM wants its key, if the provider is one; it is asked below `/service/`."""
    service = scenario.providers[name].service
    auth = service.get("auth") if isinstance(service, Mapping) else None
    if not isinstance(auth, Mapping):
        return {}
    kind, where = auth.get("kind"), auth.get("name")
    return {"options": {"auth": f"{kind}:{where}" if where else "bearer" if kind == "none" else kind}}


def put(config: dict[str, Any], item: str) -> None:
    """Set ``a.b=value`` in `config`; the value is read as YAML.

    Raises:
        HarnessError: when `item` has no ``=``, its value is no YAML, or a part of the path is no mapping.
    """
    key, equals, text = item.partition("=")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise HarnessError(f"no value: {text!r}", f"--set {item}", "write it like breaker.enabled=false") from error
    if not equals or not key:
        raise HarnessError(f"no setting: {item!r}", "--set", "write it like breaker.enabled=false")
    *outer, last = key.split(".")
    node = config
    for part in outer:
        inner = node.setdefault(part, {})
        if not isinstance(inner, dict):
            raise HarnessError(
                f"{part!r} is no group of settings", f"--set {item}", "write it like breaker.enabled=false"
            )
        node = inner
    node[last] = value


TARGET = ReferenceTarget
