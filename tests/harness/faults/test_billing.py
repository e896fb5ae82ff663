"""A stream that a fault cuts is billed by the provider for what it produced, at the scenario's prices."""

from __future__ import annotations

import pytest

HOSTS = [pytest.param("mitmproxy", marks=pytest.mark.lab), "inline"]
WORDS = 500


@pytest.mark.parametrize("host_name", HOSTS)
@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a_cut_stream_is_billed_for_what_was_produced(stage, scenario_of, request_of, host_name, provider):
    """The router got three words: it pays for those, and for what was produced until the provider saw it was alone."""
    entry = {"at": "0s", "on": provider, "fault": "stream_cut", "with": {"after": "3 tokens"}}
    plain = scenario_of([entry], tokens_per_second=20)
    raw = plain.model_dump(mode="json", by_alias=True)
    scenario = type(plain).model_validate({**raw, "prices": {"m": {"input": 1000, "output": 2000}}})
    host = stage.host(host_name, scenario)
    got = host.ask(provider, request_of(provider, 1, stream=True, words=WORDS))
    invoice = host.fakes.wait_for_row("invoices")
    attempt = host.child.wait_for_row("attempts")
    host.stop()
    assert ("cut", 3) == (got.ended, attempt["delivered_tokens"])
    assert (attempt["attempt"], False, True) == (invoice["attempt"], invoice["completed"], invoice["priced"])
    assert 3 <= invoice["produced_tokens"] < WORDS
    usd = (invoice["input_tokens"] * 1000 + invoice["produced_tokens"] * 2000) / 1e6
    assert usd == pytest.approx(invoice["usd"])
