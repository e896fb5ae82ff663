"""What is kept of a router's page of metrics."""

from __future__ import annotations

from pathlib import Path

import httpx
import orjson
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
