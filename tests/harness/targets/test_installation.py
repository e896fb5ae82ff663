"""A target's own environment: made once, whole or not at all, by one run at a time, never among the user's packages."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from banstorm.harness import issue_router
from banstorm.harness.command_prepare import prepare
from banstorm.harness.errors import HarnessError
from banstorm.harness.exitcode import Exit
from banstorm.harness.targets import _installation
from banstorm.harness.targets._installation import (
    MARK,
    Installation,
    NodeInstallation,
    PythonInstallation,
    cache_folder,
    clean_environment,
    program,
)
from banstorm.harness.targets._program import SERVERS


@dataclass(frozen=True, slots=True)
class Scripted(Installation):
    """Is installed by Python scripts."""

    scripts: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The scripts."""
        return "\n".join(self.scripts)

    def steps(self, folder: Path) -> Iterator[Sequence[str]]:
        """One a script."""
        for script in self.scripts:
            yield [sys.executable, "-c", script]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of this test's own."""
    monkeypatch.setenv("BANSTORM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


COUNT = "open('count', 'a').write('x')"


async def test_it_is_made_once_and_then_found(cache):
    """The second time nothing runs and nothing is told."""
    told = []
    wanted = Scripted("thing", "1.0", (COUNT,))
    assert not wanted.made
    folder = await wanted.make(told.append)
    assert cache in folder.parents
    assert folder == await wanted.make(told.append)
    assert "x" == (folder / "count").read_text()
    assert ["installing thing 1.0", "installed thing 1.0"] == [
        each[: len("installing thing 1.0")].strip().partition(" in")[0] for each in told
    ]


async def test_a_failed_installation_is_named_with_the_installers_last_words():
    """Three lines, and nothing that a later run would take for whole."""
    wanted = Scripted("thing", "1.0", ("import sys; sys.exit('no such package')",))
    with pytest.raises(HarnessError) as caught:
        await wanted.make(lambda _: None)
    assert "thing 1.0 can't be installed: the installer exited with code 1: no such package" == caught.value.what
    assert "banstorm prepare thing" in caught.value.advice
    assert not wanted.made


async def test_a_half_made_environment_is_made_anew():
    """What lies there without its mark (the power failed) is not used, nor built upon."""
    wanted = Scripted("thing", "1.0", (COUNT,))
    wanted.folder.mkdir(parents=True)
    (wanted.folder / "count").write_text("half")
    await wanted.make(lambda _: None)
    assert "x" == (wanted.folder / "count").read_text()
    assert (wanted.folder / MARK).is_file()


async def test_an_interrupted_installation_ends_its_installer_and_leaves_nothing_whole():
    """Ctrl-C: the installer is gone, and the next run makes it again."""
    hang = "import os, time; open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'there'); time.sleep(600)"
    wanted = Scripted("thing", "1.0", (hang,))
    task = asyncio.create_task(wanted.make(lambda _: None))
    while not (wanted.folder / "there").exists():
        assert not task.done()
        await asyncio.sleep(0.01)
    pid = int((wanted.folder / "there").read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not wanted.made


async def test_two_runs_at_once_make_it_once():
    """One installs, the other says that it waits and then finds it whole."""
    wait = "import os, time\nwhile not os.path.exists('../go'): time.sleep(0.01)"
    wanted = Scripted("thing", "1.0", (COUNT, wait))
    news: list[str] = []
    waiting = asyncio.Event()

    def hear(what):
        news.append(what)
        if "waiting" in what:
            waiting.set()

    both = [asyncio.create_task(wanted.make(hear)) for _ in range(2)]
    await waiting.wait()
    (wanted.folder.parent / "go").touch()
    await asyncio.gather(*both)
    assert "x" == (wanted.folder / "count").read_text()
    assert 1 == sum("installing" in each for each in news)


def test_another_content_is_another_environment():
    """A new pin never changes an environment that a run is using."""
    assert Scripted("a", "1", ("x",)).folder != Scripted("a", "1", ("y",)).folder


async def test_a_cache_that_can_not_be_written_is_named(tmp_path, monkeypatch):
    """With the variable that moves it."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BANSTORM_CACHE", str(tmp_path / "file"))
    with pytest.raises(HarnessError, match="BANSTORM_CACHE"):
        await Scripted("a", "1", ("x",)).make(lambda _: None)


def test_the_cache_lies_where_the_user_says(tmp_path, monkeypatch):
    """BANSTORM_CACHE, else XDG's folder, else ~/.cache."""
    monkeypatch.delenv("BANSTORM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert tmp_path / "xdg" / "banstorm" == cache_folder()
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path / ".cache" / "banstorm" == cache_folder()


@pytest.fixture
def homeless(monkeypatch):
    """A user whom the system does not know, as in a container that was given any number: no home is known."""

    def unknown(uid):
        raise KeyError(uid)

    for name in ("BANSTORM_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_is_told_to_name_the_cache(capsys):
    """Three lines and the usual exit code, for a target that is installed; the others need no cache."""
    with pytest.raises(HarnessError, match=r"no home[\s\S]*HOME[\s\S]*set BANSTORM_CACHE"):
        cache_folder()
    assert Exit.USAGE == prepare(["litellm"])
    assert "set BANSTORM_CACHE" in capsys.readouterr().err
    assert Exit.PASS == prepare(["reference"])


@pytest.mark.usefixtures("homeless")
def test_a_folder_to_keep_things_in_needs_no_home(monkeypatch, tmp_path):
    """Either variable is enough."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tmp_path / "banstorm" == cache_folder()


@pytest.mark.usefixtures("homeless")
def test_a_reproduction_of_a_router_that_was_not_installed_needs_no_home():
    """Its texts show no folder of this machine's, whether or not there is a cache."""
    assert "<banstorm/servers>/x.py ./a.yaml" == issue_router._public(f"{SERVERS}/x.py {issue_router.HOME}/a.yaml")


def test_a_reproduction_does_not_show_where_the_cache_lies(cache):
    """It is another's business."""
    assert "<installation>/targets/x" == issue_router._public(f"{cache}/targets/x")


def test_a_target_inherits_no_credential_and_no_home(tmp_path, monkeypatch):
    """The user's keys, proxies and Python settings stay outside; the way to programs comes along."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "secret")
    found = clean_environment(tmp_path)
    assert "secret" not in found.values()
    assert str(tmp_path) == found["HOME"]
    assert os.environ["PATH"] == found["PATH"]


def test_an_installer_keeps_the_users_index_and_loses_what_places_packages_elsewhere(monkeypatch):
    """PIP_INDEX_URL counts, PIP_TARGET and PYTHONPATH do not."""
    for name in ("PIP_INDEX_URL", "PIP_TARGET", "PIP_USER", "PYTHONPATH", "OPENAI_API_KEY", "https_proxy"):
        monkeypatch.setenv(name, name)
    found = _installation._installer_environment()
    assert {"PIP_INDEX_URL", "https_proxy"} <= set(found)
    assert not {"PIP_TARGET", "PIP_USER", "PYTHONPATH", "OPENAI_API_KEY"} & set(found)


def test_a_missing_runtime_is_named_with_what_to_do(monkeypatch):
    """Three lines."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(HarnessError) as caught:
        program("node", "install Node.js 20 or later")
    assert ("node is not installed", "the PATH", "install Node.js 20 or later") == (
        caught.value.what,
        caught.value.where,
        caught.value.advice,
    )


def test_python_is_filled_by_its_pins_and_node_by_its_lock(monkeypatch, tmp_path):
    """Pip is held to the constraints file; npm installs the lock file's content and runs no package's script."""
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/bin/{name}")
    make, fill = PythonInstallation("litellm", "1", ("litellm[proxy]==1",)).steps(tmp_path)
    assert [sys.executable, "-m", "venv", str(tmp_path)] == make
    assert str(_installation.PINS / "litellm.txt") == fill[fill.index("--constraint") + 1]
    assert "litellm[proxy]==1" == fill[-1]
    (npm,) = NodeInstallation("portkey", "1").steps(tmp_path)
    assert ["/bin/npm", "ci", "--ignore-scripts"] == list(npm[:3])
    assert (tmp_path / "package-lock.json").is_file()


def test_one_target_that_can_not_be_prepared_keeps_no_other_from_it(monkeypatch, capfd):
    """It is named, the others are there, and the exit code says that not all are."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    made = PythonInstallation("litellm", "1", ("x",))
    monkeypatch.setattr("banstorm.harness.targets.litellm.LiteLLMTarget.installation", made)
    made.folder.mkdir(parents=True)
    (made.folder / MARK).touch()
    assert Exit.USAGE == prepare(["haproxy", "litellm"])
    said = capfd.readouterr()
    assert "haproxy is not installed" in said.err
    assert f"in {made.folder}" in said.out
    assert Exit.PASS == prepare(["litellm"])
