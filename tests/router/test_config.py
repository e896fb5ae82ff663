"""The configuration file: what it says, and what is said about its mistakes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import banstorm.router.config
import pytest
import yaml
from banstorm.router.build import build_providers, build_router
from banstorm.router.cli import main
from banstorm.router.config import Config
from banstorm.router.credentials import read_keys
from banstorm.router.errors import ConfigError
from banstorm.router.load_config import load_config
from click.testing import CliRunner
from pydantic import BaseModel

GOOD = """\
listen: {host: 127.0.0.1, port: 8080}
providers:
  - {name: anthropic, dialect: anthropic, base_url: "http://127.0.0.1:9001", model: claude-sonnet-5, api_key_env: KEY_A}
  - {name: openai, dialect: openai, base_url: "http://127.0.0.1:9002/v1", model: gpt-5.4-mini, api_key_env: KEY_B}
fallback: true
breaker: {enabled: true, failures_in_a_row: 3, cooldown: 1s, cooldown_max: 15s, jitter: 10%}
validate: true
retry: {attempts_max: 3, budget: 10%}
timeouts: {connect: 1s, first_token: 250ms, between_tokens: 5s, total: 2m}
limits: {body_bytes_max: 8MiB, in_flight_max: 1000}
"""


def test_units_are_read(tmp_path):
    """Durations, sizes and shares carry their units and become seconds, bytes and fractions."""
    file = tmp_path / "router.yaml"
    file.write_text(GOOD)
    config = load_config(file)
    assert (0.25, 120.0) == (config.timeouts.first_token, config.timeouts.total)
    assert 8 * 1024**2 == config.limits.body_bytes_max
    assert (0.1, 0.1) == (config.breaker.jitter, config.retry.budget)
    assert "127.0.0.1" == config.listen.host


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "hint"),
    [
        ("fallback: true", "falback: true", 5, "unknown key 'falback'", "did you mean 'fallback'?"),
        ("cooldown: 1s", "cooldwn: 1s", 6, "unknown key 'cooldwn'", "did you mean 'cooldown'?"),
        ("first_token: 250ms", "first_token: 2", 9, "found 2, expected a number with a unit", "correct"),
        ("first_token: 250ms", "first_token: 2 weeks", 9, "found '2 weeks', expected", "correct"),
        ("dialect: openai", "dialect: opanai", 4, "found 'opanai', expected one of anthropic, azure", "correct"),
        (", model: gpt-5.4-mini", "", 4, "the key 'model' is missing", "add `model: …`"),
        ("name: openai", "name: anthropic", 2, "two providers are called 'anthropic'", "correct"),
        ("attempts_max: 3", "attempts_max: many", 8, "found 'many'", "correct"),
        ("cooldown_max: 15s", "cooldown_max: 1ms", 6, "cooldown_max 0.001s is shorter than cooldown 1s", "correct"),
        ("api_key_env: KEY_A", "api_key_env: A, api_key_file: b", 3, "are both set, expected one", "correct"),
        ("port: 8080", "port: 99999", 1, "found 99999", "correct"),
        ("fallback: true", "fallback: [true", 6, "this is not YAML", "fix the syntax"),
    ],
)
def test_mistakes_name_line_and_remedy(tmp_path, old, new, line, what, hint):
    """Each mistake is three lines: what, where with the line, what next; exit code 2 and no traceback."""
    file = tmp_path / "router.yaml"
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    result = CliRunner().invoke(main, ["--config", str(file)])
    lines = result.output.strip().split("\n")
    assert (2, 3) == (result.exit_code, len(lines)), result.output
    assert lines[0].startswith("error: ")
    assert what in lines[0]
    assert f"{file}:{line}" in lines[1]
    assert hint in lines[2]


MINE = "model: gpt-5.4-mini, models: {mine: house-model}"
HOUSE = "house-model"


@pytest.mark.parametrize(
    ("old", "new", "more", "unknown"),
    [
        ("model: gpt-5.4-mini", f"model: {HOUSE}", "budget: {usd: 5}", HOUSE),
        ("model: gpt-5.4-mini", MINE, "budget: {usd: 5, hard: false}", HOUSE),
        ("model: gpt-5.4-mini", MINE, "failover_cost: {times_max: 3}", HOUSE),
        ("model: gpt-5.4-mini", f"{MINE}, budget: {{usd: 5}}", "", HOUSE),
        ("model: gpt-5.4-mini", "model: gpt-4o, options: {embeddings: [in-house]}", "budget: {usd: 5}", "in-house"),
        ("model: gpt-5.4-mini", MINE, "", ""),
        ("model: gpt-5.4-mini", f"{MINE}, price: {{input: 0, output: 0}}", "budget: {usd: 5}", ""),
        ("model: gpt-5.4-mini", "model: gpt-4o-2024-08-06", "budget: {usd: 5}", ""),
        ("dialect: openai,", "dialect: http_service,", "budget: {usd: 5}", ""),
    ],
)
def test_a_limit_in_dollars_needs_every_models_price(tmp_path, old, new, more, unknown):
    """A budget or a ceiling that can't count a model would do nothing: it is refused at the start, with the place."""
    file = tmp_path / "router.yaml"
    assert old in GOOD
    file.write_text(f"{GOOD.replace(old, new)}{more}\n")
    result = CliRunner().invoke(main, ["--config", str(file), "--check"])
    lines = result.output.strip().split("\n")
    assert (2 if unknown else 0) == result.exit_code, result.output
    if unknown:
        assert f"nobody knows what {unknown!r} costs at 'openai'" in lines[0]
        assert f"{file}:4, providers.1, price" in lines[1]
        assert "price: {input: …, output: …}" in lines[2]


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n"])
def test_not_a_mapping(tmp_path, text):
    """An empty file or a list is named as such."""
    file = tmp_path / "router.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="empty or not a mapping"):
        load_config(file)


def test_missing_file(tmp_path):
    """A path that leads nowhere is a configuration error, not a traceback."""
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "nowhere.yaml")])
    assert 2 == result.exit_code
    assert "can't read the configuration" in result.output


def test_keys_come_from_environment_or_file(tmp_path, monkeypatch):
    """A key is read from where the file says; a missing one is named without being guessed at."""
    file = tmp_path / "router.yaml"
    secret = tmp_path / "key"
    secret.write_text("sk-from-file\n")
    file.write_text(GOOD.replace("api_key_env: KEY_B", f"api_key_file: {secret}"))
    first, second = load_config(file).providers
    monkeypatch.setenv("KEY_A", "sk-from-env")
    assert ("sk-from-env", "sk-from-file") == (read_keys(first)[0][1], read_keys(second)[0][1])
    monkeypatch.delenv("KEY_A")
    with pytest.raises(ConfigError, match=r"'KEY_A' is not set(.|\n)*providers, anthropic, api_key_env(.|\n)*export"):
        read_keys(first)
    secret.write_text("")
    with pytest.raises(ConfigError, match="is empty"):
        read_keys(second)


def test_check_only(tmp_path):
    """`--check` reads the file and starts nothing."""
    file = tmp_path / "router.yaml"
    file.write_text(GOOD)
    result = CliRunner().invoke(main, ["--config", str(file), "--check"])
    assert (0, f"{file}: 2 providers, no mistakes found\n") == (result.exit_code, result.output)


def test_the_example_shows_every_setting_with_its_default():
    """The shipped example is valid, names every setting there is, and changes none of the defaults."""
    file = Path(banstorm.router.config.__file__).with_name("example.yaml")
    shown = yaml.safe_load(file.read_text())
    config = load_config(file)
    assert {field.alias or name for name, field in Config.model_fields.items()} == shown.keys()
    assert Config(providers=config.providers) == config
    for part in ("listen", "breaker", "retry", "hedge", "timeouts", "limits", "admin", "log"):
        assert type(getattr(config, part)).model_fields.keys() == shown[part].keys()


def test_a_pool_of_keys(tmp_path, monkeypatch):
    """Several variables or files make a pool, one provider object a key; labels are their names, never the keys."""
    monkeypatch.setenv("KEY_A1", "sk-one")
    monkeypatch.setenv("KEY_A2", "sk-two")
    monkeypatch.setenv("KEY_B", "sk-b")
    file = tmp_path / "router.yaml"
    file.write_text(GOOD.replace("api_key_env: KEY_A", "api_keys_env: [KEY_A1, KEY_A2]"))
    config = load_config(file)
    assert [("KEY_A1", "sk-one"), ("KEY_A2", "sk-two")] == read_keys(config.providers[0])
    built = build_providers(config)
    assert [("anthropic", "KEY_A1"), ("anthropic", "KEY_A2"), ("openai", "")] == [(b.name, b.credential) for b in built]
    router = build_router(config, built)
    assert ["anthropic", "openai"] == router.fleet.names
    assert "sk-" not in " ".join(lane.label for lane in router.lanes)
    for text, said in (
        ("api_keys_env: [KEY_A1], api_key: sk-x", "are both set"),
        ("api_keys_env: [KEY_A1, KEY_OF_NOBODY]", "'KEY_OF_NOBODY' is not set"),
    ):
        file.write_text(GOOD.replace("api_key_env: KEY_A", text))
        with pytest.raises(ConfigError, match=said):
            read_keys(load_config(file).providers[0])


def test_the_example_tells_every_key():
    """Every key of the configuration stands in the example, so that nobody has to read the source to find one."""
    text = (Path(banstorm.router.config.__file__).parent / "example.yaml").read_text("utf-8")
    missing, seen = [], set()

    def look(model: type[BaseModel]) -> None:
        seen.add(model)
        for name, field in model.model_fields.items():
            if re.search(rf"\b{field.alias or name}\b", text) is None:
                missing.append(f"{model.__name__}.{field.alias or name}")
            for kind in (field.annotation, *get_args(field.annotation)):
                if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
                    look(kind)

    look(Config)
    assert not missing
