"""The page of results: what stands in a cell, and that only whole results of the right versions make it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from proof.results import Results
from proof.truth import Row, truths

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_sdk_table.py"


@pytest.fixture(scope="module")
def table() -> Any:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("write_sdk_table", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seen(**changed: Any) -> dict[str, Any]:
    """A row of results."""
    return {
        "truth": "openai_chat",
        "title": "OpenAI",
        "sdk": "openai",
        "version": "2.54.0",
        "backoffs": {"backoff": "a while"},
        "place": "before",
        "row": "rate_limited",
        "flavour": "sync",
        "stream": False,
        "raises": "RateLimitError",
        "status": 429,
        "says": "rate_limit_exceeded",
        "tries": 3,
        "waits": 7,
        **changed,
    }


QUIET = {"raises": None, "status": None, "says": "choices None", "tries": 1, "waits": None}


@pytest.mark.parametrize(
    ("rows", "cell"),
    [
        ([seen(), seen(flavour="async")], "`RateLimitError` 429 · 3 tries · waits 7, 7 s"),
        ([seen(waits="backoff")], "`RateLimitError` 429 · 3 tries · backoff"),
        ([seen(tries=1, waits=None)], "`RateLimitError` 429 · 1 try"),
        ([seen(**QUIET)], "no exception: choices None"),
        ([seen(place="inside", status=None, tries=1, waits=None)], "`RateLimitError`"),
        (
            [seen(), seen(flavour="async", raises="Oops", status=None)],
            "async: `Oops` · 3 tries · waits 7, 7 s<br>sync: `RateLimitError` 429 · 3 tries · waits 7, 7 s",
        ),
        (
            [seen(), seen(flavour="async"), seen(stream=True, tries=1), seen(flavour="async", stream=True, tries=1)],
            "plain: `RateLimitError` 429 · 3 tries · waits 7, 7 s<br>streamed: `RateLimitError` 429 · 1 try",
        ),
    ],
)
def test_cells(table, rows, cell) -> None:
    """A cell says an outcome once where clients and requests agree, else by what tells them apart."""
    assert f"| {cell} |" in table.page(rows)


def test_versions_side_by_side(table) -> None:
    """Generations stand side by side, the older one first, whatever the order of the results."""
    page = table.page([seen(version="10.1.0", tries=1), seen()])
    assert "| failure | code | `openai` 2.54.0 | `openai` 10.1.0 |" in page
    assert "429 · 3 tries · waits 7, 7 s | `RateLimitError` 429 · 1 try |" in page
    assert page == table.page([seen(), seen(version="10.1.0", tries=1)])


def test_results_of_the_pinned_versions_alone(table, tmp_path) -> None:
    """Results count only for a constraints file that names their versions, and each file must have some."""
    for version in ("1.0", "2.0"):
        results = {"versions": {"openai": version}, "rows": [seen(version=version)]}
        (tmp_path / f"openai-{version}.json").write_text(json.dumps(results), "utf-8")
    pinned = {"constraints.txt": "click==8\nopenai==2.0\n"}
    assert [seen(version="2.0")] == table.gather(tmp_path, pinned, ["openai", "groq"])
    with pytest.raises(table.ResultsMissingError, match=r"constraints-sdk\.txt \(openai 3\.0\)"):
        table.gather(tmp_path, {**pinned, "constraints-sdk.txt": "openai==3.0\n"}, ["openai", "groq"])


def test_a_part_of_the_tests_writes_nothing(tmp_path) -> None:
    """Results are written when every row has been played, and not before."""
    truth, row = truths()[0], Row("Oops", 500, None)
    wanted = {(truth.name, "before", name, "sync", False) for name in ("overloaded", "server_error")}
    results = Results()
    results.add(truth, "before", "overloaded", "sync", row, stream=False)
    assert results.write(tmp_path, wanted) is None
    assert list(tmp_path.iterdir()) == []
    results.add(truth, "before", "server_error", "sync", row, stream=False)
    written = results.write(tmp_path, wanted)
    assert written is not None
    assert ["overloaded", "server_error"] == [each["row"] for each in json.loads(written.read_text("utf-8"))["rows"]]
