"""What is built is what is on the disk, and it disturbs no project that has folders of the same names."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("fakes", "harness", "reports", "router", "scenarios")


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_package_list_is_what_is_on_the_disk():
    """Each folder with Python files is listed as a package, and nothing else is."""
    folders = {path.parent.relative_to(ROOT) for part in PARTS for path in (ROOT / part).rglob("*.py")}
    assert sorted(f"banstorm.{'.'.join(folder.parts)}" for folder in folders) == sorted(
        _project()["tool"]["setuptools"]["packages"]
    )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the working tree, built outside of it."""
    out = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source") / "banstorm"
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in tracked.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and not name.startswith(("tests/", "docs/")):
            copy = source / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(source)], check=True, capture_output=True
    )
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_every_source_and_data_file(wheel: Path):
    """Every module, scenario, schema, price table and page asset is in the wheel, below `banstorm/` only."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    suffixes = {".py", ".yaml", ".json", ".txt", ".cjs", ".html", ".css", ".js", ".typed"}
    wanted = {
        f"banstorm/{path.relative_to(ROOT)}"
        for part in PARTS
        for path in (ROOT / part).rglob("*")
        if path.suffix in suffixes
    }
    assert names == wanted


def test_the_wheel_lives_beside_a_project_with_folders_of_the_same_names(wheel: Path, tmp_path: Path):
    """In a clean environment, a user project with its own `router/` and `harness/` keeps them, and banstorm runs."""
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel],
        check=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    project = tmp_path / "project"
    for name in ("router", "harness"):
        (project / name).mkdir(parents=True)
        (project / name / "__init__.py").write_text(f"WHOSE = 'the user''s {name}'\n")
    code = (
        "import router, harness, banstorm.router, banstorm.harness;"
        "print(router.WHOSE, harness.WHOSE, banstorm.router.__name__)"
    )
    mine = subprocess.run([python, "-c", code], cwd=project, check=True, capture_output=True, text=True)
    assert mine.stdout.split() == ["the", "users", "router", "the", "users", "harness", "banstorm.router"]
    command = tmp_path / "env" / "bin" / "banstorm"
    listed = subprocess.run([command, "list"], cwd=project, check=True, capture_output=True, text=True)
    assert "sudden_ban" in listed.stdout
    refused = subprocess.run([command, "run", "sudden_ban"], cwd=project, check=False, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "pip install 'banstorm[lab]'" in refused.stderr
