"""Everything that can be checked is checked before a process starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from banstorm.harness import faults
from banstorm.harness.errors import HarnessError
from banstorm.harness.faults.base import Host
from banstorm.harness.intercept import Interception
from banstorm.harness.launch import Process
from banstorm.harness.plan import Wish, make_plan, parse_ports
from banstorm.harness.redact import fingerprint
from banstorm.harness.run import Run
from banstorm.harness.targets.base import Options, ProviderAt
from banstorm.harness.targets.reference import ReferenceTarget, put
from banstorm.harness.targets.url import front
from banstorm.scenarios.library import find


def _wish(tmp_path: Path, **changes) -> Wish:
    return Wish(**({"scenario": "sudden_ban", "out": tmp_path} | changes))


def test_the_command_of_a_plan_repeats_the_run(tmp_path: Path):
    """The printed command names the scenario, the target, the seed and every choice that changes the run."""
    wish = _wish(tmp_path, host=Host.INLINE, ports={"openai": 9102}, options=Options(settings=("fallback=false",)))
    assert (
        "banstorm run sudden_ban --target reference --seed 20260104 --inline --ports openai=9102 --set fallback=false"
        == make_plan(wish).command
    )


def test_a_seed_on_the_command_line_replaces_the_scenarios(tmp_path: Path):
    """`--seed` changes the inputs, and nothing else of the scenario."""
    plain, seeded = make_plan(_wish(tmp_path)), make_plan(_wish(tmp_path, seed=5))
    assert 5 == seeded.scenario.seed
    assert plain.scenario == seeded.scenario.model_copy(update={"seed": plain.scenario.seed})


def test_the_rate_can_be_lowered_for_a_slower_router(tmp_path: Path):
    """`--rate` replaces the scenario's rate alone, and the command that repeats the run says so."""
    plan = make_plan(_wish(tmp_path, rate=15.0))
    assert 15.0 == plan.scenario.load.rate
    assert "--rate 15/s" in plan.command


def test_a_rate_of_more_calls_than_a_run_may_make_is_refused(tmp_path: Path):
    """What the scenario's own rate may not do, `--rate` may not do either: no call is left out without a word."""
    path = tmp_path / "long.yaml"
    path.write_text(find("sudden_ban").read_text("utf-8").replace("duration: 14s", "duration: 30s"), "utf-8")
    assert make_plan(_wish(tmp_path, scenario=str(path)))
    with pytest.raises(HarnessError, match=r"3,100,000 calls; the most is 2,000,000\nwhere: --rate"):
        make_plan(_wish(tmp_path, scenario=str(path), rate=100_000.0))


def test_a_long_or_strange_name_still_makes_a_folder(tmp_path: Path):
    """What a target is called goes into the folder's name only as far as a file system takes it."""
    folder = make_plan(_wish(tmp_path, options=Options(label="../our router/" + "x" * 300))).folder
    assert tmp_path == folder.parent
    assert "-..-our-router-xxx" in folder.name
    folder.mkdir()


def test_a_key_that_the_timeline_selects_by_is_not_written_down(tmp_path: Path):
    """The folder holds its fingerprint, by which it is found in the attempts' rows."""
    path = tmp_path / "keyed.yaml"
    entry = "fault: org_disabled, credential: open-sesame}"
    path.write_text(find("sudden_ban").read_text("utf-8").replace("fault: org_disabled}", entry), "utf-8")
    plan = make_plan(_wish(tmp_path, scenario=str(path), out=tmp_path / "runs"))
    Run(plan, lambda _: None).prepare_folder()
    written = {each.name: each.read_text("utf-8") for each in plan.folder.iterdir() if each.is_file()}
    assert {"run.json", "scenario.yaml"} == set(written)
    for text in written.values():
        assert fingerprint("open-sesame") in text
        assert "open-sesame" not in text


async def test_each_provider_s_key_has_a_variable_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Names that differ only in a sign that no variable can have don't get each other's keys."""
    given: dict[str, str] = {}

    async def start(self, command, *, env):
        given.update(env)

    monkeypatch.setattr(Process, "start", start)
    names = ("a-b", "a_b")
    providers = {name: ProviderAt("openai", "m", "http://127.0.0.1:1", f"key of {name}") for name in names}
    scenario = make_plan(_wish(tmp_path)).scenario
    named = dict.fromkeys(names, scenario.providers["openai"])
    await ReferenceTarget(Options()).start(scenario.model_copy(update={"providers": named}), providers, tmp_path)
    config = yaml.safe_load((tmp_path / "router.yaml").read_text("utf-8"))
    assert {name: f"key of {name}" for name in names} == {
        each["name"]: given[each["api_key_env"]] for each in config["providers"]
    }


def test_two_plans_have_folders_and_marks_of_their_own(tmp_path: Path):
    """Two runs side by side, even within one second, share neither a folder nor a run id."""
    one, two = make_plan(_wish(tmp_path)), make_plan(_wish(tmp_path))
    assert one.run != two.run
    assert one.folder != two.folder


def test_the_openai_sdk_can_take_a_share_of_the_calls(tmp_path: Path):
    """`--openai-sdk 25%` mixes the official SDK into the load."""
    clients = make_plan(_wish(tmp_path, openai_sdk=0.25)).scenario.load.clients
    assert (75, 25) == (clients.http, clients.openai_sdk)


REFUSED = {
    "provider of --ports": ({"ports": {"mistral": 9001}}, "no provider 'mistral'", "anthropic, openai"),
    "a share that can't be kept": ({"openai_sdk": 0.003}, "0.300% is no whole percent", "round it"),
    "unknown target": ({"target": "portkye"}, "unknown target 'portkye'", "portkey"),
    "a target that is no loopback": ({"target": "http://10.1.2.3:4000"}, "not on loopback", "forward a local port"),
    "a target whose name only begins like loopback": (
        {"target": "http://127.example.org:4000"},
        "not on loopback",
        "forward a local port",
    ),
    "a target without a host": ({"target": "http://"}, "no URL", "http://127.0.0.1:4000"),
    "a target with a port out of range": ({"target": "http://127.0.0.1:99999"}, "no URL", "http://127.0.0.1:4000"),
    "a target with an open bracket": ({"target": "http://[::1"}, "no URL", "http://127.0.0.1:4000"),
    "a target with a password": ({"target": "http://me:hush@127.0.0.1:4000"}, "holds a user", "--api-key-env"),
    "a target with a key": ({"target": "http://127.0.0.1:4000/v1?key=hush"}, "holds a user, a query", "--api-key-env"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wish_that_can_not_be_met_is_refused_in_three_lines(case, tmp_path: Path):
    """What, where, what next; and no folder was made."""
    changes, what, advice = REFUSED[case]
    with pytest.raises(HarnessError) as caught:
        make_plan(_wish(tmp_path, **changes))
    assert what in caught.value.what
    assert advice in caught.value.advice
    assert 3 == len(str(caught.value).splitlines())
    assert "hush" not in str(caught.value)
    assert [] == list(tmp_path.iterdir())


def test_a_fault_that_the_host_can_not_play_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The inline host says before the start which fault it can't play."""
    monkeypatch.setattr(faults.find("org_disabled"), "hosts", frozenset({Host.MITMPROXY}))
    with pytest.raises(HarnessError, match="'org_disabled' can't be played in the 'inline' host"):
        make_plan(_wish(tmp_path, host=Host.INLINE))


FRONTS = [
    ("http://127.0.0.1:4000", "http://127.0.0.1:4000/v1"),
    ("http://127.0.0.1:4000/", "http://127.0.0.1:4000/v1"),
    ("http://localhost:4000/openai/v1", "http://localhost:4000/openai/v1"),
    ("http://[::1]:4000", "http://[::1]:4000/v1"),
    ("http://127.8.9.1:4000", "http://127.8.9.1:4000/v1"),
]


@pytest.mark.parametrize(("url", "base_url"), FRONTS)
def test_a_router_s_address_becomes_a_base_url(url, base_url):
    """A bare address gets OpenAI's /v1; a path that the user wrote stays."""
    assert base_url == front(url)


def test_ports_are_read():
    """Ports are named by provider."""
    assert {"anthropic": 9101, "openai": 9102} == parse_ports("anthropic=9101, openai=9102")


@pytest.mark.parametrize(
    "text", ["9101", "anthropic=", "anthropic=0", "anthropic=65536", "=9101", "a=1 b=2", "a=1,a=2"]
)
def test_malformed_ports_are_refused(text):
    """A port without a name, out of range, or not separated by a comma is told."""
    with pytest.raises(HarnessError, match="no port"):
        parse_ports(text)


def test_a_setting_goes_to_its_place():
    """`--set` reaches into groups, makes them where they are missing, and reads values as YAML."""
    config = {"breaker": {"enabled": True}}
    for item in ("breaker.enabled=false", "timeouts.total=3s", "fallback=false"):
        put(config, item)
    assert {"breaker": {"enabled": False}, "timeouts": {"total": "3s"}, "fallback": False} == config


@pytest.mark.parametrize("item", ["fallback", "=x", "breaker.enabled.deep=1", "a=[", "providers.0.model=x"])
def test_a_malformed_setting_is_refused(item):
    """A setting without a value, into something that is no group, or that is no YAML is told."""
    with pytest.raises(HarnessError):
        put({"breaker": {"enabled": True}, "providers": []}, item)


def test_every_scenario_of_the_library_plans(tmp_path: Path):
    """No file of the library has a mistake, and each names the schema that editors complete from."""
    from banstorm.scenarios import library

    for name, path in library.paths().items():
        tls = "tls" in yaml.safe_load(path.read_text("utf-8"))["tags"]  # a handshake is played under --intercept
        assert make_plan(_wish(tmp_path, scenario=name, intercept=Interception() if tls else None)).scenario.title
        first = path.read_text("utf-8").splitlines()[0]
        assert "# yaml-language-server: $schema=../schema.json" == first
        assert {"source", "story", "tags"} <= set(yaml.safe_load(path.read_text("utf-8")))


def test_a_scenario_can_be_played_in_one_dialect(tmp_path):
    """All providers get it, and the model of the first that has it; names and timeline stay; the command says so."""
    plan = make_plan(_wish(tmp_path, scenario="sudden_ban", target="reference", dialect="openai"))
    told = {name: (each.dialect, each.model) for name, each in plan.scenario.providers.items()}
    assert {"anthropic": ("openai", "gpt-5.4-mini"), "openai": ("openai", "gpt-5.4-mini")} == told
    assert ["anthropic"] == plan.scenario.timeline[0].on
    assert "--dialect openai" in plan.command
    assert plan.public_text.startswith("# played with --dialect openai\n")


def test_a_dialect_that_no_provider_has_is_refused(tmp_path):
    """With those there are."""
    with pytest.raises(HarnessError, match=r"'cohere'[\s\S]*it has: anthropic, openai"):
        make_plan(_wish(tmp_path, scenario="sudden_ban", dialect="cohere"))
