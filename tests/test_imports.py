"""The parts depend on one another in one direction, and heavy packages are loaded only where they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "scenarios": set(),
    "fakes": set(),
    "router": set(),
    "reports": {"scenarios"},
    "harness": {"scenarios", "fakes", "reports"},
}
HEAVY = ("mitmproxy", "locust", "gevent", "pandas", "pyarrow", "vl_convert", "rich", "psutil")


def _imported_parts(path: Path) -> set[str]:
    """The parts of ours, other than its own, that a source file imports (anywhere in it)."""
    own = path.relative_to(ROOT).parts[0]
    depth = len(path.relative_to(ROOT).parts) - 1
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level == depth + 1:
                names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
                found.update(names)
            elif node.level == 0 and (node.module or "").startswith("banstorm."):
                found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            found.update(alias.name.split(".")[1] for alias in node.names if alias.name.startswith("banstorm."))
    return found - {own}


def _sources() -> list[Path]:
    return sorted(path for part in ALLOWED for path in (ROOT / part).rglob("*.py"))


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_parts_below_its_own(path: Path):
    """scenarios, fakes and router import nothing of ours; reports imports scenarios; harness all but the router."""
    assert _imported_parts(path) <= ALLOWED[path.relative_to(ROOT).parts[0]]


def test_the_walk_sees_a_forbidden_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The check above would notice an import in the wrong direction, in either spelling."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "fakes" / "dialects").mkdir(parents=True)
    path = tmp_path / "fakes" / "dialects" / "bad.py"
    path.write_text("from ...harness.ledger import Ledger\nimport banstorm.router\nfrom ... import reports\n")
    assert _imported_parts(path) == {"harness", "router", "reports"}


@pytest.mark.parametrize(
    "module",
    ["banstorm.harness.cli", "banstorm.reports", "banstorm.reports.tables", "banstorm.fakes.app", "banstorm.router"],
)
def test_importing_a_front_door_loads_nothing_heavy(module: str):
    """A user's application that imports the base install pays for none of the lab's packages."""
    code = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
