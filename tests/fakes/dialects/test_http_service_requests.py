"""Services behind the fakes' application: any request, their pace, their quota."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from banstorm.fakes.account import Accounts
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects.http_service import HttpService, shipped
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.quota import Limits
from hypothesis import given
from hypothesis import strategies as st
from service_client import CHARGE, GEOCODE, KEY


def _shape(name: str, status: int, document: Any) -> bool:
    """Whether a body is one that the service would send."""
    if name == "payments":
        return "message" in document["error"] if status >= 400 else "object" in document
    if name == "geocoding":
        return {"results", "status"} <= document.keys()
    return ("message" if status >= 400 else "url" if "url" in document else "path") in document


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=9,
)
BODIES = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda value: str(value).encode("utf-8", "replace")),
    st.fixed_dictionaries({}, optional={key: JSON | st.just(value) for key, value in CHARGE.items()}).map(
        lambda value: orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS) if _dumps(value) else b"{"
    ),
)
TAILS = st.sampled_from(
    ["", "/x", "?limit=3", "?limit=x", "?key=k", "?key=k&address=a", "?key=k&latlng=1,2", "?&&=%ff"]
)
PATHS = st.one_of(
    st.builds(lambda path, tail: path + tail, st.sampled_from(["/v1/charges", "/v1/refunds", GEOCODE, "/"]), TAILS),
    st.text(max_size=30).map(lambda text: "/" + text),
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "authorization": st.sampled_from(["Bearer k", "Basic eA==", "Bearer", "x"]) | st.text(max_size=9),
        "idempotency-key": st.sampled_from(["a", "b"]) | st.text(max_size=9),
        "content-type": st.sampled_from(["application/json", "text/plain"]),
    },
).map(lambda headers: {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in headers.items()})


def _dumps(value: Any) -> bool:
    try:
        return bool(orjson.dumps(value))
    except TypeError:
        return False


@pytest.mark.parametrize("name", shipped())
def test_any_request_is_answered_or_refused_in_the_services_shape(name: str, make_fake: Any, caplog: Any) -> None:
    """Whatever method, path, headers and body come, the service answers or refuses, and nothing of ours fails."""
    fake = make_fake("openai", dialect=HttpService.load(name))

    @given(st.sampled_from(["GET", "POST", "PUT", "HEAD", "WEIRD"]), PATHS, HEADERS, BODIES)
    def check(method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        encoded = {key: value.encode("latin-1").decode("utf-8", "replace") for key, value in headers.items()}
        answered = asyncio.run(fake.request(method, path.encode("utf-8", "replace").decode(), body, headers=encoded))
        assert answered.status != 500, (path, headers, body)
        assert _shape(name, answered.status, answered.document)

    check()
    assert "bug of banstorm" not in caplog.text


async def test_pace_and_quota(make_fake: Any) -> None:
    """An answer is due with the first token; a quota counts requests and shows its figures in the service's headers."""
    dialect = HttpService.load("payments")
    account = Accounts(dialect.failures, seed=1)
    account.quota.set(Limits(requests_per_minute=2))
    bills: list[Any] = []
    fake = make_fake("openai", dialect=dialect)
    prices = PriceTable.load()
    fake.app = create_app(
        "pay", dialect, Pace(0.05, 0.001), run_seed=1, bill=bills.append, prices=prices, account=account
    )
    clock = asyncio.get_running_loop().time
    answers = []
    for _ in range(3):
        began_s = clock()
        answers.append((await fake.request("GET", "/v1/balance", headers={"authorization": KEY}), clock() - began_s))
    assert [answered.status for answered, _ in answers] == [200, 200, 429]
    assert all(took_s >= 0.045 for answered, took_s in answers if answered.status == 200)
    left = [answered.headers["x-ratelimit-remaining-requests"] for answered, _ in answers]
    assert left == ["1", "0", "0"]
    assert int(answers[2][0].headers["retry-after"]) == 30
    assert [(bill.model, bill.usd) for bill in bills] == [("payments", 0.0), ("payments", 0.0), ("", 0.0)]
