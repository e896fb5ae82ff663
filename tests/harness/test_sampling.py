"""What is kept of a router's page of metrics."""

from __future__ import annotations

from pathlib import Path

import httpx
import orjson
import pytest
from banstorm.harness.ledger import Ledger
from banstorm.harness.sampling import Sampler

PAGE = """\
# TYPE budget gauge
budget{key="unlimited"} +Inf
budget{key="overdrawn"} -Inf
budget{key="a"} 2.5
# TYPE took summary
took{quantile="0.5"} NaN
took_count 0
"""


async def test_numbers_that_json_can_t_hold_are_left_out(tmp_path: Path):
    """Of a page with NaN and infinities the finite numbers are kept, and no row is written that can't be read back."""
    ledger = Ledger(tmp_path, "main")
    sampler = Sampler(ledger, {}, None)
    page = httpx.MockTransport(lambda _: httpx.Response(200, text=PAGE))
    async with httpx.AsyncClient(transport=page) as client:
        await sampler._scrape(client, "http://127.0.0.1/metrics")
    ledger.close()
    rows = [orjson.loads(line) for line in (tmp_path / "main.ndjson").read_bytes().splitlines()]
    assert [("budget", {"key": "a"}, 2.5), ("took_count", {}, 0.0)] == [
        (row["name"], row["labels"], row["value"]) for row in rows
    ]


@pytest.mark.parametrize("url", ["http://127.0.0.1:20123metrics", "http://127.0.0.1:1/\x00", "ftp://127.0.0.1/metrics"])
async def test_an_address_that_is_none_costs_the_metrics_only(url: str, tmp_path: Path):
    """Nothing is kept of it, and the sampler goes on."""
    ledger = Ledger(tmp_path, "main")
    async with httpx.AsyncClient(trust_env=False) as client:
        await Sampler(ledger, {}, None)._scrape(client, url)
    ledger.close()
    assert b"" == (tmp_path / "main.ndjson").read_bytes()
