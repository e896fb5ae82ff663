"""A mistake in a service's definition is told with file, line, place, and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from banstorm.fakes.canned_document import BYTES_MAX
from banstorm.fakes.dialects.http_service import HttpService, ServiceError
from hypothesis import given
from hypothesis import strategies as st

VALID = """\
name: mine
title: A service
base_path: /v1
auth: {kind: header, name: x-api-key, example: k-0000}
headers:
  request-id: "{id:req_}"
routes:
  - route: POST /v1/things
    body: {type: object, required: [size], properties: {size: {type: integer}}}
    keep: things
    answer:
      headers: {location: "/v1/things/{id:th_}"}
      body: {id: "{id:th_}", size: "{body.size}"}
    example: {body: {size: 3}}
  - route: GET /v1/things/{id}
    give: things
    answer: {body: "{item}"}
  - route: GET /v1/things
    list: things
    answer: {body: {data: "{items}"}}
error:
  body: {error: {code: "{code?}", message: "{message}"}}
errors:
  rate_limited:
    status: 429
    message: Slow down.
    with: {code: slow}
    variants:
      daily: {message: Come back tomorrow.}
"""


def problems(path: Path, text: str) -> list[Any]:
    """What is wrong with a definition."""
    path.write_text(text, "utf-8")
    with pytest.raises(ServiceError) as caught:
        HttpService.load(str(path))
    return caught.value.problems


MISTAKES: dict[str, tuple[str, str, str, str, str]] = {
    # what is written instead: old, new, where, words of the mistake, words of the advice
    "unknown key": ("title:", "titel:", ":2, titel", "unknown key 'titel'", "'title'"),
    "missing key": ("name: mine\n", "", ":1", "'name' is missing", "add name"),
    "bad name": ("name: mine", "name: My Service", ":1, name", "My Service", "change"),
    "unknown key of a route": ("keep: things", "keeps: things", ":10, routes[0].keeps", "'keeps'", "'keep'"),
    "unknown key of an answer": (
        "answer: {body: {data",
        "answer: {bdy: {data",
        ":20, routes[2].answer",
        "'bdy'",
        "'body'",
    ),
    "unknown key of a variant": (
        "daily: {message",
        "daily: {mesage",
        ":29, errors.rate_limited.variants.daily",
        "'mesage'",
        "'message'",
    ),
    "no route": ("POST /v1/things\n", "/v1/things\n", ":8, routes[0]", "not like 'POST /v1/charges'", ""),
    "route twice": ("route: GET /v1/things\n", "route: GET /v1/things/{x}\n", ":18", "is routes[1] again", "remove"),
    "blank twice": ("things/{id}", "{id}/{id}", ":15, routes[1]", "has a blank twice", ""),
    "odd blank": ("things/{id}", "{Id}", ":15, routes[1]", "a blank is {name}", ""),
    "unknown root": ("{body.size}", "{boddy.size}", ":13, routes[0].answer.body", "'boddy.size'", "'body'"),
    "unknown blank of the path": ('body: "{item}"', 'body: "{path.idd}"', ":17", "no blank 'idd'", "'id'"),
    "items without a list": ('"{item}"', '"{items}"', ":17", "nothing is called 'items'", "'item'"),
    "stray brace": ("{body.size}", "{body.size", ":13", "a single '{'", "{{ and }}"),
    "no blank": ("{body.size}", "{now:soon}", ":13", "no blank: {now:soon}", "{now:iso}"),
    "no number": ("{body.size}", "{between:5:1:body.size}", ":13", "no number", "between:-90"),
    "no id": ("{body.size}", "{id:x:0}", ":13", "no id", "{id:ch_}"),
    "header for everyone": ("{id:req_}", "{body.size}", ":6, headers.request-id", "can't refer to 'body.size'", "{id:"),
    "header's name": ("request-id:", "Request-Id:", ":5, headers", "in lower case", ""),
    "header of ours": ("request-id:", "content-length:", ":5, headers", "not for a service to choose", ""),
    "credentials in an answer": ("{body.size}", "{header}", ":13", "names no header", "header.name"),
    "keyword": ("required: [size]", "requierd: [size]", ":9, routes[0].body.requierd", "'requierd'", "'required'"),
    "type": ("type: integer", "type: int", ":9, routes[0].body.properties.size.type", "expected of object", ""),
    "nothing kept": ("keep: things\n", "counted_as: x\n", ":16, routes[1].give", "keeps anything in 'things'", "keep"),
    "kept without an id": ('{id: "{id:th_}", size', '{ib: "{id:th_}", size', ":11", "needs an id", "give its body"),
    "example refused": (
        "{size: 3}",
        "{size: x}",
        ":14, routes[0].example.body",
        "size must be of type integer",
        "mend",
    ),
    "unknown failure": ("rate_limited:", "rate_limitd:", ":24, errors.rate_limitd", "'rate_limitd'", "'rate_limited'"),
    "failure without status": ("    status: 429\n", "", ":24, errors.rate_limited", "has no status", "add status"),
    "status": ("429", "99", ":25, errors.rate_limited.status", "found 99", ""),
    "unknown word of an error": ("{code?}", "{cod?}", ":22, error.body", "nothing is called 'cod'", "'code'"),
    "auth": ("kind: header", "kind: cookie", ":4, auth.kind", "'cookie'", ""),
    "auth without a name": ("name: x-api-key, ", "", ":4, auth", "needs a name", ""),
    "no JSON": ("{size: 3}", "{size: .nan}", ":14, routes[0].example.body.size", "JSON doesn't have", ""),
    "key twice": ("title:", "name: other\ntitle:", ":2, name", "stands twice", "remove"),
    "no YAML": ("title:", "title: [", ":3", "no valid YAML", ""),
}


@pytest.mark.parametrize(("old", "new", "where", "what", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_located(tmp_path: Path, old: str, new: str, where: str, what: str, advice: str) -> None:
    """The first mistake told is the one that was made, at its place."""
    assert VALID.count(old) >= 1
    first, *_ = problems(tmp_path / "mine.yaml", VALID.replace(old, new, 1))
    assert first.where.startswith(f"{tmp_path}/mine.yaml{where}")
    assert what in first.what
    assert advice in first.advice


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "expected a mapping, found nothing"),
        ("[1]", "expected a mapping, found list"),
        ("a: " + "[" * 50 + "]" * 50, "levels"),
        ("# " + "x" * BYTES_MAX, "larger than"),
        (VALID + "  x_own: {status: 403, body: [" + "'{message}'," * 6000 + "]}\n", "more than 5000 values"),
    ],
)
def test_files_are_bounded(tmp_path: Path, text: str, what: str) -> None:
    """A file that is too large, too deep or no definition at all is refused."""
    first, *_ = problems(tmp_path / "mine.yaml", text)
    assert what in first.what


def test_the_valid_one_is_valid(tmp_path: Path) -> None:
    """What the mistakes are made in is right, also with a failure of its own and as data."""
    path = tmp_path / "mine.yaml"
    path.write_text(VALID + "  x_own: {status: 403, message: 'No.'}\n")
    service = HttpService.load("mine.yaml", tmp_path)
    assert service.failures >= {"x_own", "rate_limited", "not_found", "missing_key", "server_error"}
    assert "conflict" not in service.failures, "nothing of it is idempotent"
    assert HttpService.of(service.definition).failures == service.failures
    assert service.answer_keys == ("id", "size", "data")
    assert service.failure("rate_limited", {"variant": "daily"}, id_seed=1).status == 429


@pytest.mark.parametrize(
    ("name", "what", "advice"),
    [
        ("payment", "no service is called 'payment'", "did you mean 'payments'"),
        ("./nowhere.yaml", "can't be read", "check the path"),
    ],
)
def test_what_is_not_there(name: str, what: str, advice: str) -> None:
    """An unknown name is answered with the nearest one, and an unknown path with what it is."""
    with pytest.raises(ServiceError) as caught:
        HttpService.load(name)
    assert what in caught.value.problems[0].what
    assert advice in caught.value.problems[0].advice


@given(st.text(max_size=40) | st.recursive(st.none() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_any_body_makes_a_service_or_a_mistake(body: Any) -> None:
    """Whatever stands in a template, it is understood or refused with advice."""
    data = {
        "name": "mine",
        "title": "t",
        "auth": {"kind": "none"},
        "routes": [{"route": "GET /", "answer": {"body": body}}],
        "error": {"body": "{message}"},
    }
    try:
        found: Any = HttpService.of(data)
    except ServiceError as error:
        found = error
    if isinstance(found, ServiceError):
        assert found.problems[0].where == "routes.0.answer.body"
        assert found.problems[0].advice
    else:
        assert found.failures
