"""`router/` alone, copied out with what it needs, runs and passes its own tests: nothing else of banstorm is there.

What a user does: copy the folder `router/` into a project, under whatever name; `pip install -r requirements.txt`; and
`python -m router --config router.yaml`.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IN_CI = bool(os.environ.get("BANSTORM_CI"))
PURE = (
    "test_answers.py", "test_breaker.py", "test_classify.py", "test_config.py", "test_dialects.py", "test_library.py",
    "test_money.py", "test_order.py", "test_retry_after.py", "test_route.py", "test_secrets.py", "test_sigv4.py",
    "test_sse.py", "test_to_anthropic.py", "test_token_endpoint.py", "in_time/test_core.py", "in_time/test_pools.py",
    "in_time/test_spending.py", "in_time/test_oauth.py",
)  # fmt: skip
"""What is run of its tests outside of CI; there it is all of them."""
OPTIONAL = {"opentelemetry"}
TEST_SECONDS_MAX = 900
INI = """\
[pytest]
addopts = --strict-markers --import-mode=importlib -p no:cacheprovider -p no:banstorm
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
markers =
    lab: needs the lab
    debian: needs a program from Debian
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the router as `banstorm.router`, the name its tests use, and as `router`; and its tests."""
    folder = tmp_path_factory.mktemp("alone")
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("banstorm/router", "router"):
        shutil.copytree(ROOT / "router", folder / name, ignore=unwanted)
    shutil.copytree(ROOT / "tests" / "router", folder / "tests" / "router", ignore=unwanted)
    (folder / "pytest.ini").write_text(INI)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in that folder, with the packages that are installed here, except banstorm itself.

    Without `site` nothing that is installed as editable is found, and banstorm is, here and in CI.
    """
    packages = sysconfig.get_paths()["purelib"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    path = os.pathsep.join([str(folder), packages])
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=TEST_SECONDS_MAX,
    )


@pytest.mark.parametrize("part", ["fakes", "harness", "reports", "scenarios"])
def test_nothing_else_of_banstorm_is_there(alone: Path, part: str):
    """The other parts can't be imported where the router is alone, or the tests below would prove nothing."""
    done = run(alone, "-c", f"import banstorm.router, banstorm.{part}")
    assert f"No module named 'banstorm.{part}'" in done.stderr


@pytest.mark.parametrize("name", ["router", "banstorm.router"])
def test_it_runs_under_any_name(alone: Path, name: str):
    """As a command it checks its own example; as a library it has all that it promises."""
    checked = run(alone, "-m", name, "--config", "router/example.yaml", "--check")
    assert "router/example.yaml: 2 providers, no mistakes found" in checked.stdout, checked.stderr
    code = (
        f"import {name} as r\n"
        "assert all(hasattr(r, each) for each in r.__all__)\n"
        "router = r.LLMRouter([r.AnthropicProvider(api_key='x', base_url='http://127.0.0.1:9')])\n"
        "try: router.route(r.LLMRequest('hi'))\n"
        "except RuntimeError as error: print(error)\n"
        "router.close()\n"
    )
    used = run(alone, "-c", code)
    assert used.stdout.startswith("All LLM providers exhausted: anthropic: connect"), used.stderr


def test_its_own_tests_pass(alone: Path):
    """The router's tests, run beside the copy; those that need the fakes are skipped."""
    chosen = ["tests/router"] if IN_CI else [f"tests/router/{name}" for name in PURE]
    done = run(alone, "-m", "pytest", "-q", "-x", *chosen)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "passed" in done.stdout


def _imported() -> Iterator[str]:
    for path in (ROOT / "router").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module.split(".")[0]


def test_its_requirements_are_what_it_imports():
    """`router/requirements.txt` names what the sources import, with the bounds that banstorm itself has; no more."""
    lines = (ROOT / "router" / "requirements.txt").read_text("utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(wanted) <= set(project["dependencies"])
    names = {line.split(">=")[0].lower().replace("-", "_").replace("pyyaml", "yaml") for line in wanted}
    imported = set(_imported()) - set(sys.stdlib_module_names) - OPTIONAL
    # uvicorn is told to use two by name; aiohttp and yarl are what httpx-aiohttp is made of.
    assert imported | {"httptools", "uvloop"} == names | (imported & {"aiohttp", "yarl"})
