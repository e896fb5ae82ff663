"""The targets that banstorm installs: pinned, configured to one baseline, and honest about what was changed."""

import ast
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml
from banstorm.harness import targets
from banstorm.harness.errors import HarnessError
from banstorm.harness.targets import _installation
from banstorm.harness.targets._balancer import BalancerTarget
from banstorm.harness.targets._baseline import Baseline, baseline
from banstorm.harness.targets._choice import choose, named
from banstorm.harness.targets._program import ProgramTarget
from banstorm.harness.targets.base import Options, ProviderAt
from banstorm.scenarios.model import Scenario

NODE = shutil.which("node")
PROVIDERS = {
    "one": ProviderAt("anthropic", "claude-sonnet-5", "http://127.0.0.1:1111", "sk-ant-one"),
    "two": ProviderAt("openai", "gpt-5.4-mini", "http://127.0.0.1:2222/v1", "sk-proj-two"),
    "three": ProviderAt("openai", "gpt-5.4", "http://127.0.0.1:3333/v1", "sk-proj-three"),
}
BASE = Baseline(timeout_s=2.5)
PROGRAMS = [name for name in named() if issubclass(targets.find(name), ProgramTarget)]
UNLIMITED = {"claude_code_router"}
"""Targets whose time limit can't be set; they say so."""
TRANSLATING = [name for name in PROGRAMS if not issubclass(targets.find(name), BalancerTarget)]


@pytest.fixture(autouse=True)
def every_program_is_there(monkeypatch):
    """Nothing here starts any."""
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/bin/{name}")


def scenario(**providers):
    """A scenario with these providers."""
    told = {name: {"dialect": dialect, "model": "m"} for name, dialect in providers.items()}
    load = {"rate": "1/s", "duration": "1s", "deadline": "5s"}
    whole = {"version": 1, "title": "t", "story": "s", "source": "x", "seed": 1, "providers": told, "load": load}
    return Scenario.model_validate(whole | {"expect": {"lost_calls": 0}})


def render(target, home, providers=PROVIDERS):
    """How the target would be started."""
    return choose(target, Options()).render(BASE, providers, 4321, home)


def test_the_targets_that_were_promised_are_there():
    """By their files' names; hyphens are as good as underscores."""
    assert {"litellm", "litellm_router", "tensorzero", "portkey", "claude_code_router"} <= set(named())
    assert {"langchain", "pydantic_ai", "none", "reference"} <= set(named())
    assert "claude_code_router" == choose("claude-code-router", Options()).name


@pytest.mark.parametrize("name", PROGRAMS)
def test_versions_are_pinned(name):
    """What is installed has a version, which stands in the pins."""
    target = targets.find(name)
    found = choose(name, Options()).installation
    if found is None:
        return
    assert found.version in target.version
    pins = found.what
    assert re.search(rf"=={re.escape(found.version)}\b|\"version\": \"{re.escape(found.version)}\"", pins), pins
    for path in _installation.PINS.glob("*.txt"):
        for line in path.read_text().splitlines():
            assert re.fullmatch(r"[A-Za-z0-9._\[\]-]+==[A-Za-z0-9.!+]+", line), (path, line)


def test_lock_files_name_no_registry():
    """Whichever registry the user has is asked; what it gives is held against the lock's hashes."""
    for path in _installation.PINS.glob("*/package-lock.json"):
        packages = json.loads(path.read_text())["packages"]
        assert all("resolved" not in each for each in packages.values())
        assert all("integrity" in each for name, each in packages.items() if name)


@pytest.mark.parametrize("name", TRANSLATING)
def test_providers_come_in_the_scenarios_order_with_one_time_limit(name, tmp_path):
    """All addresses and models are there, the first before the second before the third, and 2.5 s in its own unit."""
    launch = render(name, tmp_path)
    told = "\n".join([*launch.files.values(), *launch.headers.values(), *launch.variables.values()])
    if name == "none":
        assert "127.0.0.1:1111" in told
        assert "127.0.0.1:2222" not in told
        return
    places = [told.index(f"127.0.0.1:{port}") for port in (1111, 2222, 3333)]
    assert sorted(places) == places
    assert all(each.model in told for each in PROVIDERS.values())
    assert all(each.key in told for each in PROVIDERS.values())
    if name in UNLIMITED:
        assert any("can't be set" in line for line in launch.departures)
        return
    assert re.search(r"\b(2\.5|2500)\b", told)
    assert any(re.search(r"\b(2\.5|2500)\b", line) for line in launch.departures)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_departure_from_the_vendor_is_said(name, tmp_path):
    """Each target says at least what its time limit is and what it would be."""
    launch = render(name, tmp_path, dict(list(PROVIDERS.items())[1:]))
    assert any("default" in line for line in launch.departures)


def test_litellm_falls_back_from_group_to_group_and_never_retries_under_the_baseline(tmp_path):
    """Keys stand in variables, not in the file; telemetry is off."""
    launch = render("litellm", tmp_path)
    config = yaml.safe_load(launch.files["config.yaml"])
    assert ["m", "m2", "m3"] == [each["model_name"] for each in config["model_list"]]
    assert [{"m": ["m2", "m3"]}] == config["router_settings"]["fallbacks"]
    assert 0 == config["router_settings"]["num_retries"]
    assert not config["litellm_settings"]["telemetry"]
    assert "sk-ant-one" not in launch.files["config.yaml"]
    assert "http://127.0.0.1:1111" == config["model_list"][0]["litellm_params"]["api_base"]


def test_a_tuned_variant_is_another_configuration(tmp_path):
    """LiteLLM's orders one group; an unknown variant is refused with those there are."""
    config = yaml.safe_load(render("litellm:tuned", tmp_path).files["config.yaml"])
    assert {"m"} == {each["model_name"] for each in config["model_list"]}
    assert [1, 2, 3] == [each["litellm_params"]["order"] for each in config["model_list"]]
    assert "litellm:tuned" == choose("litellm:tuned", Options()).label
    with pytest.raises(HarnessError, match="there is litellm:tuned"):
        choose("litellm:fast", Options())


def test_portkeys_configuration_is_one_header(tmp_path):
    """A fallback over the providers; the tuned variant retries."""
    config = json.loads(render("portkey", tmp_path).headers["x-portkey-config"])
    assert {"mode": "fallback"} == config["strategy"]
    assert "retry" not in config["targets"][0]
    tuned = json.loads(render("portkey:tuned", tmp_path).headers["x-portkey-config"])
    assert {"attempts": 3} == tuned["targets"][0]["retry"]


@pytest.mark.parametrize("name", TRANSLATING)
def test_a_dialect_that_a_target_does_not_speak_is_refused_before_anything_starts(name):
    """With the provider, and what it does speak."""
    with pytest.raises(HarnessError) as caught:
        choose(name, Options()).check(scenario(first="gemini", second="openai"))
    assert "first" in caught.value.what
    assert "gemini" in caught.value.what
    assert "openai" in caught.value.advice


def test_a_setting_is_refused_by_what_has_none():
    """The baseline is what makes targets comparable; a configuration of one's own is a file."""
    with pytest.raises(HarnessError, match="--target FILE"):
        choose("litellm", Options(settings=("a=b",)))


def test_an_attempt_may_take_three_fifths_of_the_deadline():
    """5 s of deadline, 3 s an attempt: another provider can still answer."""
    assert 3000 == baseline(scenario(a="openai")).timeout_ms


BALANCERS = [name for name in PROGRAMS if issubclass(targets.find(name), BalancerTarget)]


@pytest.mark.parametrize("name", BALANCERS)
def test_a_balancer_wants_one_dialect_and_says_how_to_get_it(name):
    """Refused at plan time, with the words that make the scenario playable; then the callers speak that dialect."""
    target = choose(name, Options())
    with pytest.raises(HarnessError) as caught:
        target.check(scenario(one="anthropic", two="openai"))
    assert "untranslated" in caught.value.what
    assert "--dialect anthropic or --dialect openai" in caught.value.advice
    target.check(scenario(one="anthropic", two="anthropic"))
    assert "anthropic_messages" == target.front


@pytest.mark.parametrize("name", BALANCERS)
def test_a_balancer_tries_every_provider_once_in_order(name, tmp_path):
    """All addresses in their order, and as many tries as providers; the caller brings the first one's key and model."""
    same = {
        f"p{each}": ProviderAt("openai", f"m{each}", f"http://127.0.0.1:{each}/v1", f"k{each}") for each in (71, 72, 73)
    }
    launch = render(name, tmp_path, same)
    (text,) = launch.files.values()
    places = [re.search(rf"\b{port}\b", text).start() for port in (71, 72, 73)]
    assert sorted(places) == places
    assert ("m71", "k71") == (launch.model, launch.api_key)
    tries = {"envoy": '"num_retries": 2', "haproxy": "retries 2", "nginx": "proxy_next_upstream_tries 3"}
    assert tries[name] in text


@pytest.mark.parametrize("name", BALANCERS)
def test_a_balancer_can_not_be_intercepted(name, tmp_path):
    """It knows no HTTPS proxy; that is said, not tried."""
    with pytest.raises(HarnessError, match="--intercept"):
        render(name, tmp_path, {"a": ProviderAt("openai", "m", "https://api.openai.com/v1", "k")})


def test_a_missing_balancer_is_named_with_what_to_do(monkeypatch):
    """Before anything starts."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(HarnessError, match=r"haproxy is not installed[\s\S]*apt-get install haproxy"):
        choose("haproxy", Options()).check(scenario(a="openai", b="openai"))


LISTENING = {
    "a port alone": "listen(0",
    "a port and no host": "listen(0, undefined",
    "every interface": 'listen(0, "0.0.0.0"',
    "an object": "listen({port: 0}",
}


@pytest.mark.skipif(NODE is None and not os.environ.get("BANSTORM_CI"), reason="needs node")
@pytest.mark.parametrize("case", LISTENING)
def test_a_server_that_names_no_host_is_held_to_loopback(case):
    """Whatever way it asks for a port."""
    assert NODE
    then = "() => { console.log(s.address().address); s.close(); }"
    code = f"const s = require('node:http').createServer(); s.{LISTENING[case]}, {then})"
    words = [NODE, "--require", str(_installation.PINS.parent / "servers" / "loopback.cjs"), "-e", code]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=30)
    assert "127.0.0.1" == done.stdout.strip()


SERVERS = sorted((_installation.PINS.parent / "servers").glob("*.py"))


@pytest.mark.parametrize("path", SERVERS, ids=lambda path: path.stem)
def test_a_server_of_ours_runs_where_banstorm_is_not_installed(path):
    """It imports nothing of banstorm, and its file is called like no package: its folder comes first on the path."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert 0 == node.level
            names.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Import):
            names |= {each.name.partition(".")[0] for each in node.names}
    assert "banstorm" not in names
    assert path.stem not in names - {"openai_front"}


@pytest.mark.parametrize(("dialect", "front"), [("anthropic", "anthropic_messages"), ("openai", "openai_chat")])
def test_without_a_router_callers_speak_the_first_providers_dialect(dialect, front):
    """And nobody else is called, so that the others' dialects don't matter."""
    target = choose("none", Options())
    target.check(scenario(first=dialect, second="gemini"))
    assert front == target.front


@pytest.mark.parametrize("name", ["portkey", "claude_code_router"])
@pytest.mark.parametrize(
    ("says", "refused"),
    [("v18.19.0", "18.19.0 is too old"), ("v20.0.0", None), ("v24.1.0-nightly", None), ("who knows", None)],
)
def test_a_node_that_is_too_old_is_named_before_anything_starts(name, says, refused, tmp_path, monkeypatch):
    """Debian's, say; one whose version can't be read is given a try."""
    program = tmp_path / "node"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda *_, **__: str(program))
    target = choose(name, Options())
    if refused is None:
        target.check(scenario(one="anthropic", two="openai"))
        return
    with pytest.raises(HarnessError, match=rf"{refused}[\s\S]*{program}[\s\S]*20 or later"):
        target.check(scenario(one="anthropic", two="openai"))
