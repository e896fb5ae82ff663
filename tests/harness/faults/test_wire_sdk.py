"""What official SDKs make of broken transport, streams and bodies: openai 2.x and anthropic 0.x."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx
import openai
import pytest

from .streams import MARK, WORDS

PATIENCE_S = 1.0
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "cut": ("stream_cut", {"after": "3 tokens"}),
    "stall": ("stream_stall", {"after": "3 tokens"}),
    "reset-before": ("connection_reset", {}),
    "close-before": ("connection_reset", {"how": "close"}),
    "reset-mid": ("reset_mid_body", {"after": "3 tokens"}),
    "close-mid": ("reset_mid_body", {"after": "3 tokens", "how": "close"}),
    "hang": ("hang_after_headers", {}),
    "malformed": ("malformed_event", {"after": "3 tokens"}),
    "unterminated": ("missing_terminator", {}),
    "unfinished": ("missing_terminator", {"what": "ending"}),
    "doubled": ("duplicated_event", {"after": "3 tokens"}),
    "error": ("error_event", {"after": "3 tokens"}),
    "uncounted": ("usage_missing", {}),
    "torn": ("truncated_json", {}),
    "html": ("html_200", {}),
    "empty": ("empty_200", {}),
    "gzip": ("gzip_broken", {}),
    "gzip-torn": ("gzip_broken", {"how": "truncated", "after": "3 tokens"}),
    "gzip-corrupt": ("gzip_broken", {"how": "corrupt", "after": "3 tokens"}),
}
"""By model: what is played on requests for it."""

WRONG = json.JSONDecodeError
SILENT = None
"""No exception at all."""
TABLE: list[tuple[str, bool, Any, Any]] = [
    # model, streamed, what the openai SDK raises, what the anthropic SDK raises
    ("reset-before", False, openai.APIConnectionError, anthropic.APIConnectionError),
    ("reset-before", True, openai.APIConnectionError, anthropic.APIConnectionError),
    ("close-before", False, openai.APIConnectionError, anthropic.APIConnectionError),
    ("reset-mid", False, openai.APIConnectionError, anthropic.APIConnectionError),
    ("close-mid", False, openai.APIConnectionError, anthropic.APIConnectionError),
    ("reset-mid", True, httpx.ReadError, httpx.ReadError),
    ("close-mid", True, httpx.RemoteProtocolError, httpx.RemoteProtocolError),
    ("cut", True, httpx.RemoteProtocolError, httpx.RemoteProtocolError),
    ("hang", False, openai.APITimeoutError, anthropic.APITimeoutError),
    ("hang", True, httpx.ReadTimeout, httpx.ReadTimeout),
    ("stall", True, httpx.ReadTimeout, httpx.ReadTimeout),
    ("malformed", True, WRONG, WRONG),
    ("unterminated", True, SILENT, SILENT),
    ("unfinished", True, SILENT, SILENT),
    ("doubled", True, SILENT, SILENT),
    ("error", True, openai.APIError, anthropic.APIStatusError),
    ("uncounted", False, SILENT, SILENT),
    ("uncounted", True, SILENT, SILENT),
    ("torn", False, WRONG, WRONG),
    ("empty", False, WRONG, WRONG),
    ("empty", True, SILENT, SILENT),
    ("html", True, SILENT, SILENT),
    ("gzip", False, openai.APIConnectionError, anthropic.APIConnectionError),
    ("gzip", True, httpx.DecodingError, httpx.DecodingError),
    ("gzip-torn", False, WRONG, WRONG),
    ("gzip-corrupt", True, httpx.DecodingError, httpx.DecodingError),
]


@pytest.fixture(scope="module")
def host(long_stage, scenario_of):
    """An inline host that plays each case on its model; that both hosts are equal is tested elsewhere."""
    timeline = [
        {"at": "0s", "on": ["openai", "anthropic"], "fault": fault, "with": parameters, "model": model}
        for model, (fault, parameters) in CASES.items()
    ]
    host = long_stage.host("inline", scenario_of(timeline, tokens_per_second=100_000))
    yield host
    host.stop()


def with_openai(port: int, model: str, *, stream: bool) -> str:
    """What the SDK gives for one answer, without retries."""
    url = f"http://127.0.0.1:{port}/v1"
    with openai.OpenAI(api_key="sk-proj-x", base_url=url, max_retries=0, timeout=PATIENCE_S) as client:
        asked = client.chat.completions.create(
            model=model, stream=stream, messages=[{"role": "user", "content": MARK.render()}]
        )
        if stream:
            return "".join(choice.delta.content or "" for chunk in asked for choice in chunk.choices)
        return asked.choices[0].message.content


def with_anthropic(port: int, model: str, *, stream: bool) -> str:
    """What the SDK gives for one answer, without retries."""
    url = f"http://127.0.0.1:{port}"
    with anthropic.Anthropic(api_key="sk-ant-x", base_url=url, max_retries=0, timeout=PATIENCE_S) as client:
        asked = client.messages.create(
            model=model, stream=stream, max_tokens=100, messages=[{"role": "user", "content": MARK.render()}]
        )
        if stream:
            return "".join(event.delta.text for event in asked if event.type == "content_block_delta")
        return asked.content[0].text


CLIENTS = {"openai": with_openai, "anthropic": with_anthropic}


@pytest.mark.parametrize("vendor", CLIENTS)
@pytest.mark.parametrize(
    ("model", "stream", "openai_raises", "anthropic_raises"), TABLE, ids=[f"{row[0]}-{row[1]}" for row in TABLE]
)
def test_what_an_sdk_makes_of_it(host, vendor, model, stream, openai_raises, anthropic_raises):
    """An SDK raises exactly that exception, or notices nothing."""
    expected = {"openai": openai_raises, "anthropic": anthropic_raises}[vendor]
    found: Any = SILENT
    try:
        CLIENTS[vendor](host.ports[vendor], model, stream=stream)
    except Exception as error:  # noqa: BLE001 - it is what is looked at
        found = type(error)
    assert expected == found


@pytest.mark.parametrize("vendor", CLIENTS)
@pytest.mark.parametrize(
    ("model", "words"),
    [("unterminated", WORDS), ("unfinished", WORDS), ("doubled", WORDS + 1), ("empty", 0), ("html", 0)],
)
def test_what_is_not_noticed(host, vendor, model, words):
    """An SDK takes these streams for whole: so many words come, and no exception."""
    assert words == CLIENTS[vendor](host.ports[vendor], model, stream=True).count("~")
