"""Services beyond LLMs: what their definitions say is what they answer, refuse and keep."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import orjson
import pytest
from banstorm.fakes.dialects import GENERIC, find, names
from banstorm.fakes.dialects._http_service_store import Kept, Store
from banstorm.fakes.dialects.base import RequestRefused, UnknownFailureError
from banstorm.fakes.dialects.http_service import ANYONE, HttpService, shipped
from service_client import CHARGE, Client, answering, defined


@pytest.fixture
def payments() -> Client:
    """The payments service."""
    return Client(HttpService.load("payments"))


def test_it_is_no_vendor() -> None:
    """The generic dialect is found by its name, with a service or without, but no loop over vendors meets it."""
    assert GENERIC not in names()
    assert isinstance(find(GENERIC), HttpService)
    assert find(GENERIC, "payments").base_path == "/v1"
    assert find(GENERIC, "payments") is not find(GENERIC, "payments"), "each fake keeps its own"
    assert shipped() == ["echo", "geocoding", "payments"]


def test_cases() -> None:
    """The first case whose values are all there is answered, null standing for what isn't there."""
    cases = [
        {"when": {"body.a": 1, "query.q": None}, "body": "one"},
        {"when": {"body.a": [True, "x"]}, "status": 402, "headers": {"x-case": "{body.a}"}, "body": "list"},
        {"when": {"body.b": None}, "status": 204},
    ]
    client = answering("default", cases=cases)
    assert client.ask("POST", "/things/1", {"a": 1}) == (200, "one")
    assert client.ask("POST", "/things/1", {"a": "x"}) == (402, "list")
    assert dict(client.reply.headers)["x-case"] == "x"
    assert client.ask("POST", "/things/1?q=1", {"a": 1}) == (204, None), "true is not 1"
    assert "content-length" not in dict(client.reply.headers)
    assert client.ask("POST", "/things/1", {"b": 1}) == (200, "default")


def test_routes_with_blanks() -> None:
    """A path of its own goes before one with blanks; a starred blank takes all that follows; ANY takes what is left."""
    bodies = {
        "GET /a/{x}/b": "{path.x}",
        "GET /a/me/b": "own",
        "ANY /f/{rest*}": "{path.rest}",
        "PUT /f/{rest*}": "put",
    }
    client = defined(routes=[{"route": route, "answer": {"body": body}} for route, body in bodies.items()])
    assert client.ask("GET", "/a/me/b") == (200, "own")
    assert client.ask("GET", "/a/%C3%A9%2F/b") == (200, "é/")
    assert client.ask("GET", "/a/x/y/b")[0] == 404
    assert client.ask("GET", "/f/x/y//z") == (200, "x/y//z")
    assert client.ask("PUT", "/f/x") == (200, "put")
    assert client.ask("POST", "/a/me/b")[0] == 405


AUTHS: list[tuple[dict[str, str], dict[str, str], str, str | None]] = [
    ({"kind": "bearer"}, {"authorization": "Bearer k"}, "", "k"),
    ({"kind": "bearer"}, {"authorization": "Basic k"}, "", None),
    ({"kind": "bearer"}, {"authorization": "Bearer "}, "", None),
    ({"kind": "header", "name": "x-key"}, {"x-key": " k "}, "", "k"),
    ({"kind": "header", "name": "x-key"}, {}, "", None),
    ({"kind": "query", "name": "key"}, {}, "?a=1&key=k%20l", "k l"),
    ({"kind": "query", "name": "key"}, {}, "?key=", None),
    ({"kind": "query", "name": "key"}, {}, "?" + "&".join(["a=1"] * 2000), None),
    ({"kind": "basic"}, {"authorization": "Basic azo="}, "", "k"),
    ({"kind": "basic"}, {"authorization": "Basic dTpw"}, "", "u:p"),
    ({"kind": "basic"}, {"authorization": "Basic \xff"}, "", None),
    ({"kind": "none"}, {}, "", ANYONE),
]


@pytest.mark.parametrize(("auth", "headers", "query", "credential"), AUTHS)
def test_credentials(auth: dict[str, str], headers: dict[str, str], query: str, credential: str | None) -> None:
    """The credential is found where the definition has it, and a request without one is refused."""
    example = {} if auth["kind"] == "none" else {"example": "k"}
    client = defined(auth={**auth, **example})
    assert client.dialect.credential(headers, f"/things/1{query}") == credential
    if credential is None:
        with pytest.raises(RequestRefused) as caught:
            client.dialect.read("POST", f"/things/1{query}", headers, b"")
        assert caught.value.reply.status == 401


SCHEMA = {
    "type": "object",
    "required": ["amount"],
    "additionalProperties": False,
    "properties": {
        "amount": {"type": "integer", "minimum": 1, "maximum": 9},
        "name": {"type": ["string", "null"], "minLength": 2, "maxLength": 3, "pattern": "^[a-z]"},
        "kind": {"enum": ["a", 1]},
        "live": {"const": True},
        "items": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "number"}},
        "inner": {"type": "object", "required": ["x"]},
        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    },
}
WRONG = [
    ({}, "amount is required"),
    ({"amount": "1"}, "amount must be of type integer, not '1'"),
    ({"amount": True}, "amount must be of type integer, not true"),
    ({"amount": 0}, "amount must be at least 1"),
    ({"amount": 10}, "amount must be at most 9"),
    ({"amount": 1, "name": 3}, "name must be of type string or null, not 3"),
    ({"amount": 1, "name": "x"}, "name must be at least 2 letters long"),
    ({"amount": 1, "name": "xxxx"}, "name must be at most 3 letters long"),
    ({"amount": 1, "name": "Xx"}, "name is not of the form ^[a-z]"),
    ({"amount": 1, "kind": True}, "kind must be one of 'a', 1"),
    ({"amount": 1, "live": 1}, "live must be true"),
    ({"amount": 1, "items": []}, "items must be at least 1 items long"),
    ({"amount": 1, "items": [1, 2, 3]}, "items must be at most 2 items long"),
    ({"amount": 1, "items": [1, {}]}, "items.1 must be of type number, not an object"),
    ({"amount": 1, "inner": {}}, "inner.x is required"),
    ({"amount": 1, "either": []}, "either must be of type string, not an array"),
    ({"amount": 1, "other": 1}, "other is not known here"),
    ([], "the request must be of type object, not an array"),
    (b"{", "the body is not valid JSON"),
    (b'{"amount":' + b"[" * 300 + b"]" * 300 + b"}", "the body is nested too deeply"),
]


@pytest.mark.parametrize(("body", "message"), WRONG)
def test_requests_are_held_against_their_schema(body: Any, message: str) -> None:
    """What doesn't satisfy the schema is refused, and the field is named."""
    client = answering("fine", body=SCHEMA)
    assert client.ask("POST", "/things/1", body) == (400, {"message": f"{message}."})
    right = {"amount": 2.0, "name": None, "kind": 1, "live": True, "items": [1], "inner": {"x": 0}, "either": 3}
    assert client.ask("POST", "/things/1", right) == (200, "fine")


def test_queries_are_typed_by_their_schema() -> None:
    """Numbers and booleans of a query are such in the answer; what isn't one is refused."""
    schema = {"required": ["n"], "properties": {"n": {"type": "integer"}, "b": {"type": "boolean"}}}
    client = answering("{query}", query=schema)
    assert client.ask("POST", "/things/1?n=5&b=true&t=1") == (200, {"n": 5, "b": True, "t": "1"})
    assert client.ask("POST", "/things/1?n=x") == (400, {"message": "n must be of type integer, not 'x'."})
    assert client.ask("POST", "/things/1?" + "&".join(["n=1"] * 2000))[1] == {
        "message": "the query has too many fields."
    }


@pytest.mark.parametrize(
    ("body", "code", "param", "message"),
    [
        ({"currency": "usd"}, "parameter_missing", "amount", "Missing required param: amount."),
        ({**CHARGE, "x": 1}, "parameter_unknown", "x", "Received unknown parameter: x"),
        ({**CHARGE, "amount": 1}, "parameter_invalid", "amount", "Invalid amount: must be at least 50"),
        (b"{", None, None, "Invalid request body."),
    ],
)
def test_a_service_has_words_for_each_mistake(
    payments: Client, body: Any, code: str | None, param: str | None, message: str
) -> None:
    """Variants of bad_request are chosen by what is wrong; what nothing fills and is marked so is left out."""
    status, document = payments.ask("POST", "/v1/charges", body)
    expected = {"type": "invalid_request_error", "code": code, "param": param, "message": message}
    assert (status, document["error"]) == (400, {key: value for key, value in expected.items() if value is not None})


def test_what_is_made_is_given_back(payments: Client) -> None:
    """A charge is found by its id, listed and refunded; another customer doesn't see it."""
    _, charge = payments.ask("POST", "/v1/charges", CHARGE)
    _, other = payments.ask("POST", "/v1/charges", CHARGE)
    assert charge["id"] != other["id"], "two charges, even if nothing tells them apart"
    assert payments.ask("GET", f"/v1/charges/{charge['id']}") == (200, charge)
    assert payments.ask("GET", f"/v1/charges/{charge['id']}", authorization="Bearer other")[0] == 404
    _, refund = payments.ask("POST", "/v1/refunds", {"charge": charge["id"]})
    assert (refund["charge"], refund["amount"]) == (charge["id"], 2000)
    assert payments.ask("GET", f"/v1/refunds/{refund['id']}") == (200, refund)
    assert payments.ask("GET", "/v1/charges/ch_none")[1]["error"]["code"] == "resource_missing"
    payments.dialect.forget()
    assert payments.ask("GET", f"/v1/charges/{charge['id']}")[0] == 404


def test_what_is_refused_is_not_kept(payments: Client) -> None:
    """A declined charge is no charge."""
    assert payments.ask("POST", "/v1/charges", {**CHARGE, "source": "tok_chargeDeclined"})[0] == 402
    assert payments.ask("GET", "/v1/charges")[1]["data"] == []


def test_lists_are_paged(payments: Client) -> None:
    """A page has the newest first, says whether there is more, and goes on after an id."""
    ids = [payments.ask("POST", "/v1/charges", CHARGE)[1]["id"] for _ in range(5)][::-1]
    seen: list[str] = []
    for expected, more in ((ids[:2], True), (ids[2:4], True), (ids[4:], False)):
        after = f"&starting_after={seen[-1]}" if seen else ""
        page = payments.ask("GET", f"/v1/charges?limit=2{after}")[1]
        assert ([each["id"] for each in page["data"]], page["has_more"]) == (expected, more)
        seen += expected
    assert payments.ask("GET", "/v1/charges?starting_after=none")[1]["data"] == []


def test_removed_items_are_gone() -> None:
    """What a route removes is answered with once more, and then not found."""
    routes = [
        {"route": "PUT /things/{id}", "keep": "things", "answer": {"status": 201, "body": {"id": "{path.id}"}}},
        {"route": "DELETE /things/{id}", "remove": "things", "answer": {"body": {"gone": "{item.id}"}}},
    ]
    client = defined(routes=routes)
    assert client.ask("PUT", "/things/1")[0] == 201
    assert client.ask("DELETE", "/things/1") == (200, {"gone": "1"})
    assert client.ask("DELETE", "/things/1") == (404, {"message": "There is no 1 in things."})


def test_an_idempotency_key_makes_a_repeat_safe(payments: Client) -> None:
    """The same key has the same answer and makes nothing new; with another request it is refused."""
    first = payments.ask("POST", "/v1/charges", CHARGE, idempotency_key="a")
    assert payments.ask("POST", "/v1/charges", CHARGE, idempotency_key="a") == first
    assert payments.ask("POST", "/v1/charges", CHARGE, idempotency_key="b") != first
    assert len(payments.ask("GET", "/v1/charges")[1]["data"]) == 2
    status, refused = payments.ask("POST", "/v1/charges", {**CHARGE, "amount": 51}, idempotency_key="a")
    assert (status, refused["error"]["type"]) == (400, "idempotency_error")
    other = {"idempotency_key": "a", "authorization": "Bearer other"}
    assert payments.ask("POST", "/v1/charges", {**CHARGE, "amount": 51}, **other)[0] == 200, "keys are a customer's own"


def test_what_is_kept_is_bounded() -> None:
    """Beyond its number or its bytes the oldest is forgotten; what is kept again counts once."""
    store = Store(kept_max=3, bytes_max=10)
    for name in "abcd":
        store.put(("c", "k", name), Kept(b"12"))
    store.put(("c", "k", "d"), Kept(b"34"))
    assert [name for name, _ in store.newest("c", "k")] == ["d", "c", "b"]
    store.put(("c", "k", "e"), Kept(b"1234567"))
    assert [name for name, _ in store.newest("c", "k")] == ["e", "d"]
    store.put(("c", "k", "f"), Kept(b"x" * 11))
    assert list(store.newest("c", "k")) == []


@pytest.mark.parametrize("name", shipped())
def test_failures_are_whole_and_pure(name: str) -> None:
    """Every failure of a shipped service is a whole response without an open blank, the same each time."""
    dialect = find(GENERIC, name)
    for kind in dialect.failures:
        reply = dialect.failure(kind, {}, id_seed=3)
        assert reply == dialect.failure(kind, {}, id_seed=3)
        headers = dict(reply.headers)
        assert headers["content-length"] == str(len(reply.body))
        assert b"~" not in reply.body
        assert dialect.error_event(kind, {}, id_seed=3).endswith(b"\n\n")
        if headers["content-type"].startswith("text/html"):
            continue
        assert orjson.loads(reply.body)
        assert not re.search(rb"\{\w", reply.body)
    with pytest.raises(UnknownFailureError, match=r"has no failure 'ramp_limited'; it has .*bad_request"):
        dialect.failure("ramp_limited", {}, id_seed=3)


def test_details_fill_the_words(payments: Client) -> None:
    """A wait is whole seconds, rounded up; a credential is masked; a message can be replaced."""
    payments.fails("rate_limited", retry_after=0.4)
    assert dict(payments.reply.headers)["retry-after"] == "1"
    payments.fails("rate_limited", retry_after="junk")
    assert dict(payments.reply.headers)["retry-after"] == "junk"
    payments.fails("rate_limited")
    assert "retry-after" not in dict(payments.reply.headers)
    document = payments.fails("bad_key", credential="sk_test_secretsecret9876")[1]
    assert document["error"]["message"] == "Invalid API Key provided: sk_t********9876"
    assert payments.fails("bad_key", credential="short")[1]["error"]["message"].endswith(": ********")
    assert payments.fails("overloaded", message="Gone fishing")[1]["error"]["message"] == "Gone fishing"
    assert payments.fails("bad_request", variant="missing", field="x")[1]["error"]["code"] == "parameter_missing"
    with pytest.raises(UnknownFailureError, match="variant"):
        payments.fails("bad_key", variant="meteor")


def test_a_header_can_carry_no_second_one() -> None:
    """What a request puts into a header is one line of it."""
    routes = [{"route": "POST /t", "answer": {"headers": {"x-echo": "{body.a}"}, "body": 1}}]
    client = defined(routes=routes)
    client.ask("POST", "/t", {"a": "x\r\nset-cookie: y\u20ac" + "z" * 9000})
    value = dict(client.reply.headers)["x-echo"]
    assert value.startswith("x??set-cookie: y?z")
    assert len(value) == 4096


@pytest.mark.parametrize("name", shipped())
def test_examples_are_answered(name: str) -> None:
    """Each curl line of a shipped service asks for something that is answered well."""
    client = Client(HttpService.load(name))
    lines = client.dialect.curl("http://x")
    assert lines
    for line in lines:
        words = shlex.split(line)
        headers = dict(each.split(": ", 1) for before, each in pairwise(words) if before == "-H")
        body = words[words.index("-d") + 1].encode() if "-d" in words else None
        path = words[-1].removeprefix("http://x")
        headers.setdefault("authorization", "")
        status, document = client.ask("POST" if body else "GET", path, body, **headers)
        assert status == 200
        assert document.get("status") in {None, "OK", "succeeded"}


def test_a_route_counts_as_what_it_says() -> None:
    """Quotas and invoices call a request by its service, or by what its route says."""
    plain: Mapping[str, Any] = {"route": "GET /a", "answer": {"body": 1}}
    client = defined(routes=[plain, {**plain, "route": "GET /b", "counted_as": "search"}])
    asked = [client.dialect.read("GET", path, {}, b"") for path in ("/a", "/b")]
    assert [ask.model for ask in asked] == ["mine", "search"]
    assert {ask.operation for ask in asked} == {"request"}
