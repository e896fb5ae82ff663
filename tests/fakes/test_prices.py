from __future__ import annotations

import logging
from pathlib import Path

import pytest
from banstorm.fakes.prices import TABLE_FILE, PriceTable, PriceTableError


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
    ],
)
def test_bill(model: str, tokens: tuple[int, int, int], usd: float) -> None:
    """A model costs what the table says; a snapshot costs what its base does; long prompts cost the long rate."""
    assert PriceTable.load().bill(model, *tokens) == (pytest.approx(usd), True)


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
    names = [line.split(": {")[0].strip() for line in TABLE_FILE.read_text().splitlines() if line.startswith("  ")]
    assert len(names) > 30
    for name in names:
        price = table.find(name)
        assert price is not None
        assert price.source != TABLE_FILE.name
        assert price.cached <= price.input
    assert "read_on: 20" in TABLE_FILE.read_text()


def test_override(tmp_path: Path) -> None:
    """A user's table is laid over ours, model by model."""
    own = tmp_path / "own.yaml"
    own.write_text("models: {gpt-5.4-mini: {input: 9, output: 90}, house-model: {input: 1, output: 2, source: us}}")
    table = PriceTable.load(own)
    assert table.bill("gpt-5.4-mini", 1_000_000, 500_000, 0) == (pytest.approx(9), True)
    assert table.bill("house-model", 0, 0, 1_000_000) == (2.0, True)
    assert table.bill("gpt-5.4", 1_000_000, 0, 0) == (2.5, True)


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
