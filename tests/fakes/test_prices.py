from __future__ import annotations

import datetime as dt
import logging
import re
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from banstorm.fakes.dialects import names
from banstorm.fakes.prices import TABLE_FILE, PriceTable, PriceTableError
from banstorm.harness.registry import registry
from banstorm.scenarios.library import load, paths

ROOT = Path(__file__).parents[2]
UNPRICED = {"llama-3.3-70b-versatile"}  # retired, and gone from the price map


@pytest.mark.parametrize(
    ("model", "tokens", "usd"),
    [
        ("gpt-5.4-mini", (1_000_000, 0, 0), 0.75),
        ("gpt-5.4-mini", (0, 0, 1_000_000), 4.5),
        ("gpt-5.4-mini", (1_000_000, 400_000, 0), 0.6 * 0.75 + 0.4 * 0.075),
        ("gpt-5.4-mini-2026-03-05", (1_000_000, 0, 0), 0.75),
        ("claude-sonnet-4-5-20250929", (1_000_000, 0, 0), 3),
        ("mistral-large-latest", (0, 0, 1_000_000), 1.5),
        ("anthropic/claude-sonnet-5", (1_000_000, 0, 0), 2),
        ("azure/gpt-4.1", (1_000_000, 0, 0), 2),
        ("gpt-5.6", (272_000, 0, 0), 0.272 * 4),
        ("gpt-5.6", (272_001, 0, 0), 0.272001 * 8),
        ("gpt-5.6", (300_000, 100_000, 1000), 0.2 * 8 + 0.1 * 0.8 + 0.001 * 30),
        ("gemini-2.5-pro", (200_001, 0, 1_000_000), 0.200001 * 2.5 + 15),
        ("claude-haiku-4-5@20251001", (1_000_000, 0, 0), 1),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", (100_000, 0, 0), 0.3),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", (100_000, 0, 0), 0.3),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", (100_000, 0, 0), 0.33),
        (
            "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0",
            (10**6, 0, 0),
            1.1,
        ),
        ("amazon.nova-pro-v1:0", (1_000_000, 0, 0), 0.8),
        ("us.anthropic.claude-sonnet-5", (1_000_000, 0, 0), 2.2),
        ("text-embedding-3-large", (1_000_000, 0, 0), 0.13),
    ],
)
def test_bill(model: str, tokens: tuple[int, int, int], usd: float) -> None:
    """A model costs what the table says; a snapshot costs what its base does; long prompts cost the long rate."""
    assert PriceTable.load().bill(model, *tokens) == (pytest.approx(usd), True)


@pytest.mark.parametrize(
    ("model", "written", "hour", "usd"),
    [
        ("claude-sonnet-4-5", 0, 0, 0.6 * 3 + 0.4 * 0.3),
        ("claude-sonnet-4-5", 100_000, 0, 0.5 * 3 + 0.4 * 0.3 + 0.1 * 3.75),
        ("claude-sonnet-4-5", 100_000, 100_000, 0.5 * 3 + 0.4 * 0.3 + 0.1 * 6),
        ("claude-sonnet-4-5", 100_000, 40_000, 0.5 * 3 + 0.4 * 0.3 + 0.06 * 3.75 + 0.04 * 6),
        ("claude-haiku-5-5", 600_000, 600_000, 0.4 * 0.05 + 0.6 * 1),
        ("gpt-5.6-terra", 100_000, 0, 0.5 * 4 + 0.4 * 0.4 + 0.1 * 5),
        ("gpt-5.4-mini", 100_000, 0, 0.6 * 0.75 + 0.4 * 0.075),
    ],
)
def test_cache_writes(model: str, written: int, hour: int, usd: float) -> None:
    """Tokens put into the cache have their own price, one for minutes and one for an hour; without, that of input."""
    billed = PriceTable.load().bill(
        model, 1_000_000, 400_000, 0, cache_write_tokens=written, cache_write_1h_tokens=hour
    )
    assert billed == (pytest.approx(usd), True)


def test_unpriced_model_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """A model without a price is billed at zero, and one warning names it."""
    table = PriceTable.load()
    with caplog.at_level(logging.WARNING):
        assert [table.bill("model-of-nobody", 1000, 0, 1000) for _ in range(3)] == [(0.0, False)] * 3
    assert [record.getMessage().count("'model-of-nobody'") for record in caplog.records] == [1]
    assert table.unpriced == ("model-of-nobody",)


def test_every_entry_names_its_source() -> None:
    """Each price says where it was read, and the file says when."""
    table = PriceTable.load()
    document = yaml.safe_load(TABLE_FILE.read_text())
    assert len(document["models"]) > 60
    assert isinstance(document["read_on"], dt.date)
    for name in document["models"]:
        price = table.find(name)
        assert price is not None
        assert price.source != TABLE_FILE.name
        for rates in (price.rates, price.long or price.rates):
            assert rates.cached <= rates.input <= rates.cache_write <= rates.cache_write_1h, name


@pytest.mark.parametrize("geography", ["us", "eu"])
def test_a_region_costs_a_tenth_more(geography: str) -> None:
    """Bedrock's profile of one geography costs 10 % more than the global one, for tokens of every kind."""
    table = PriceTable.load()
    for name in yaml.safe_load(TABLE_FILE.read_text())["models"]:
        if name.startswith("global."):
            own, everywhere = table.find(name.replace("global", geography)), table.find(name)
            assert own is not None
            assert everywhere is not None
            assert asdict(own.rates) == pytest.approx(
                {each: 1.1 * usd for each, usd in asdict(everywhere.rates).items()}
            )


def test_what_is_shown_has_a_price() -> None:
    """Every model that our scenarios ask for, that the README shows, and that a fake lists, is priced."""
    table = PriceTable.load()
    models = {each.model for path in paths().values() for each in load(path, registry()).providers.values()}
    models |= set(re.findall(r"\bmodel\W+([a-z]+[/-][\w./:-]*\d[\w./:-]*)", (ROOT / "README.md").read_text("utf-8")))
    for name in names():
        models |= set(getattr(import_module(f"banstorm.fakes.dialects.{name}"), "_MODELS", ()))
    assert len(models) > 20
    assert {model for model in models if table.find(model) is None} == UNPRICED


def test_override(tmp_path: Path) -> None:
    """A user's table is laid over ours, model by model."""
    own = tmp_path / "own.yaml"
    own.write_text("models: {gpt-5.4-mini: {input: 9, output: 90}, house-model: {input: 1, output: 2, source: us}}")
    table = PriceTable.load(own)
    assert table.bill("gpt-5.4-mini", 1_000_000, 500_000, 0) == (pytest.approx(9), True)
    assert table.bill("house-model", 0, 0, 1_000_000) == (2.0, True)
    assert table.bill("gpt-4.1", 1_000_000, 0, 0) == (2.0, True)


def test_override_by_mapping() -> None:
    """Prices that are at hand are laid over it as a file's are; an entry replaces the whole of ours."""
    table = PriceTable.load({"claude-sonnet-5": {"input": 1, "output": 2, "cache_write": 3}})
    assert table.bill("claude-sonnet-5-20260101", 1_000_000, 500_000, 0) == (pytest.approx(1), True)
    written = {"cache_write_tokens": 1_000_000}
    assert table.bill("claude-sonnet-5", 1_000_000, 0, 0, **written) == (pytest.approx(3), True)
    written["cache_write_1h_tokens"] = 1_000_000
    assert table.bill("claude-sonnet-5", 1_000_000, 0, 0, **written) == (pytest.approx(3), True)
    with pytest.raises(PriceTableError, match="the prices given, model 'a': 'output'"):
        PriceTable.load({"a": {"input": 1}})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[]", "no mapping `models`"),
        ("models: 3", "no mapping `models`"),
        ("models: {a: 3}", "'a'"),
        ("models: {a: {input: 1}}", "'output'"),
        ("models: {a: {input: -1, output: 1}}", "'input'"),
        ("models: {a: {input: true, output: 1}}", "'input'"),
        ("models: {a: {input: .nan, output: 1}}", "'input'"),
        ("models: {a: {input: 1, output: 1, chached: 1}}", "'a'"),
        ("models: {a: {input: 1, output: 1, long: {input: 2}}}", "'above_tokens'"),
        ("models: {a: {input: 1, output: 1, long: {above_tokens: 2}}}", "'input'"),
        ("models: {a: {input: 1, output: 1, long: {above_tokens: 2, input: 2, out: 3}}}", "'out'"),
        ("models: {a: {input: 1, output: 1, long: 3}}", "long: expected a mapping"),
        ("models: {a: {input: 1, output: 1, cache_write: dear}}", "'cache_write'"),
        ("models: {a: {input: 1,", "can't read"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, named: str) -> None:
    """A table that can't be understood is refused, by file and by what is wrong in it."""
    own = tmp_path / "own.yaml"
    own.write_text(text)
    with pytest.raises(PriceTableError, match=r"own\.yaml") as caught:
        PriceTable.load(own)
    assert named in str(caught.value)


def test_missing_table(tmp_path: Path) -> None:
    """A table that isn't there is named."""
    with pytest.raises(PriceTableError, match=r"nowhere\.yaml"):
        PriceTable.load(tmp_path / "nowhere.yaml")


def test_memory_is_bounded() -> None:
    """Names that callers make up don't pile up without end."""
    table = PriceTable.load()
    for number in range(3000):
        table.find(f"made-up-{number}x")
        table.find(f"gpt-5.4-{20000000 + number}")
    assert len(table.unpriced) == 1000
    assert len(table._prices) <= 1000
