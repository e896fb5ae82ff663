"""Logs to compile, and scenarios to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from banstorm.harness.compile import emit
from banstorm.harness.compile.read import read
from banstorm.harness.compile.scenario import Wish, decide
from banstorm.harness.registry import registry
from banstorm.scenarios.document import parse
from banstorm.scenarios.library import check_document
from banstorm.scenarios.model import Scenario

HEAD = "timestamp,provider,status,latency_ms"


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes a CSV log of (seconds, provider, status, milliseconds) and gives its path."""

    def write(rows: Sequence[tuple[float, str, int, float]], head: str = HEAD) -> Path:
        path = tmp_path / "log.csv"
        path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
        return path

    return write


@pytest.fixture
def compiled() -> Callable[..., Scenario]:
    """Compiles a log as the command does, and loads the result as `banstorm run` does."""

    def compile_(path: Path, wish: Wish | None = None, form: str | None = None) -> Scenario:
        text = emit.text(decide(read(path, form, {}), wish or Wish()))
        return check_document(parse(text, "compiled"), registry())

    return compile_
