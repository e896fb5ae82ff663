"""Columns that grow block by block hold what was added, in any number of blocks and of distinct texts."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest
from banstorm.reports.ledger_columns import Held, frame
from banstorm.reports.ledger_shape import encoded, held, schema


def invoices(begin: int, end: int, models: int) -> pa.Table:
    """Rows of a table that has every kind of column but a short text."""
    numbers = range(begin, end)
    values = {
        "attempt": [None if each % 7 == 0 else f"a-{each}" for each in numbers],
        "provider": ["anthropic" if each % 3 else "openai" for each in numbers],
        "model": [f"m{each % models}" for each in numbers],
        "cache_write_tokens": [None if each % 2 else 2**53 + each for each in numbers],
        "usd": [each / 7 for each in numbers],
        "priced": [each % 5 == 0 for each in numbers],
        "completed": [True for _ in numbers],
    }
    full = {name: values.get(name, list(numbers)) for name in schema("invoices").names}
    return encoded(pa.table(full, schema=schema("invoices")), "invoices")


@pytest.mark.parametrize(("models", "codes"), [(1, "int8"), (126, "int8"), (127, "int16"), (40_000, "int32")])
def test_blocks_make_the_frame_that_one_would(models: int, codes: str) -> None:
    """Distinct texts may be more than the first numbers for them count; no value changes on the way."""
    rows, found = 50_000, Held("invoices")
    for begin in range(0, rows, 7_919):
        found.add(invoices(begin, min(begin + 7_919, rows), models))
    made, whole = found.frame(), invoices(0, rows, models)
    pd.testing.assert_frame_equal(made, frame(whole, "invoices"))
    assert made["model"].cat.codes.dtype == codes
    assert list(made.columns) == list(held("invoices"))
    for name in made.columns:
        told = [None if pd.isna(each) else each for each in made[name].astype(object)]
        assert told == whole.column(name).to_pylist(), name


def test_a_table_without_a_row_has_its_columns() -> None:
    """Nothing was added: every dtype is there."""
    made = Held("invoices").frame()
    assert {name: str(dtype) for name, dtype in made.dtypes.items()} == {
        name: each.dtype for name, each in held("invoices").items()
    }
