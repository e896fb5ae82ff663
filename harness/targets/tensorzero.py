"""TensorZero's gateway, out of its Python wheel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from ..errors import HarnessError
from ._baseline import Baseline
from ._installation import PythonInstallation
from ._program import SERVERS, Launch, ProgramTarget, key_variable, keys_of
from .base import ProviderAt

VERSION: Final = "2026.6.0"
ADDRESS: Final = "address"
"""File that the gateway's launcher writes its base URL into: the gateway picks its port itself."""
START_S_MAX: Final = 20.0
"""Seconds the gateway may take to say where it listens."""
RETRIES_TUNED: Final = 2


class TensorZeroTarget(ProgramTarget):
    """TensorZero's gateway without a database: one model, its providers routed in the scenario's order."""

    name: ClassVar[str] = "tensorzero"
    version: ClassVar[str | None] = VERSION
    dialects: ClassVar[Mapping[str, str]] = {"anthropic": "anthropic", "openai": "openai"}
    variants: ClassVar[Mapping[str, str]] = {"tuned": "a variant that is retried twice, as its guide shows"}
    installation: ClassVar[PythonInstallation] = PythonInstallation("tensorzero", VERSION, (f"tensorzero=={VERSION}",))
    address_file: ClassVar[str | None] = ADDRESS

    def render(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int, home: Path) -> Launch:  # noqa: ARG002 - the gateway picks its port
        """A TOML file, and a launcher that starts the gateway inside the wheel."""
        return Launch(
            command=[self.installation.python, str(SERVERS / "tensorzero_gateway.py"), str(home / "tensorzero.toml")],
            base_url="",
            model="tensorzero::function_name::f" if self.tuned else "tensorzero::model_name::m",
            files={"tensorzero.toml": self.toml(base, providers)},
            variables={**keys_of(providers), "BANSTORM_ADDRESS_FILE": str(home / ADDRESS)},
            departures=[
                f"timeouts {base.timeout_ms} ms for an answer and for a stream's first token (default: none)",
                "observability off (default on), pseudonymous usage analytics off (default on)",
                *(["retries num_retries 2, max_delay_s 10 (default 0)"] if self.tuned else []),
            ],
        )

    def toml(self, base: Baseline, providers: Mapping[str, ProviderAt]) -> str:
        """The configuration."""
        for name, each in providers.items():
            if '"' in each.model or "\\" in each.model:
                raise HarnessError(f"no name of a model: {each.model!r}", f"providers.{name}.model", "write another")
        routing = ", ".join(f'"{name}"' for name in providers)
        lines = [
            "[gateway]",
            "observability.enabled = false",
            "disable_pseudonymous_usage_analytics = true",
            "[models.m]",
            f"routing = [{routing}]",
        ]
        for number, (name, each) in enumerate(providers.items(), 1):
            limits = f"non_streaming = {{total_ms = {base.timeout_ms}}}, streaming = {{ttft_ms = {base.timeout_ms}}}"
            lines += [
                f'[models.m.providers."{name}"]',
                f'type = "{self.dialects[each.dialect]}"',
                f'model_name = "{each.model}"',
                f'api_base = "{_api_base(each)}"',
                f'api_key_location = "env::{key_variable(number)}"',
                f"timeouts = {{{limits}}}",
            ]
        if self.tuned:
            lines += [
                "[functions.f]",
                'type = "chat"',
                "[functions.f.variants.v]",
                'type = "chat_completion"',
                'model = "m"',
            ]
            lines += [f"retries = {{num_retries = {RETRIES_TUNED}, max_delay_s = 10}}"]
        return "\n".join([*lines, ""])


def _api_base(each: ProviderAt) -> str:
    """With ``/v1`` for both dialects, and OpenAI's with a slash behind it: the gateway joins paths to it."""
    root = each.base_url.rstrip("/").removesuffix("/v1") + "/v1"
    return root if each.dialect == "anthropic" else root + "/"


TARGET = TensorZeroTarget
