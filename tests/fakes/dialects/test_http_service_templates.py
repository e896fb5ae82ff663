"""What fills the blanks of a service's answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from banstorm.fakes.dialects.http_service import HttpService
from service_client import GEOCODE, NOW_S, Client, answering

TEMPLATES = [
    ("{body.a}", {"a": 1.5}, 1.5),
    ("{body.a}", {"a": [1, {"b": None}]}, [1, {"b": None}]),
    ("{body.a}", {"a": True}, True),
    ("{body.a}", {}, None),
    ("{body.a.1.b}", {"a": [0, {"b": "x"}]}, "x"),
    ("{body.a.7}", {"a": [0]}, None),
    ("{body}", {"a": 1}, {"a": 1}),
    ("no {body.a} yes", {"a": 3}, "no 3 yes"),
    ("{body.a}{body.b}", {"a": True, "b": [1]}, "true[1]"),
    ("<{body.a}>", {}, "<>"),
    ("{body.a|10}", {}, 10),
    ("{body.a|{}}", {}, {}),
    ("{body.a|usd}", {"a": None}, "usd"),
    ("{body.a||body.b}", {"b": 4}, 4),
    ("{body.a||body.b|5}", {}, 5),
    ("{{{body.a}}}", {"a": 1}, "{1}"),
    ("", {}, ""),
    ({"a": "{body.a?}", "b": "{body.b?}"}, {"b": 1}, {"b": 1}),
    (["{body.a?}", "x"], {"a": None}, ["x"]),
    ("{path.id}", {}, "7"),
    ("{query.q}", {}, "a b"),
    ("{header.x-team}", {}, "search"),
    ("{method} {url}", {}, "POST /things/7"),
    ("{now}", {}, NOW_S),
    ("{now:iso}", {}, "2023-11-14T22:13:20Z"),
]


@pytest.mark.parametrize(("template", "body", "expected"), TEMPLATES)
def test_templates(template: Any, body: Any, expected: Any) -> None:
    """A blank takes what it refers to, with its type if it stands alone."""
    client = answering({"value": template})
    assert client.ask("POST", "/things/7?q=a+b", body, x_team="search") == (200, {"value": expected})


def test_made_values() -> None:
    """Ids have their prefix and length and are the same within an answer; numbers depend on their reference alone."""
    body = {
        "id": "{id:ch_}",
        "again": "{id:ch_}",
        "long": "{id:x:24}",
        "uuid": "{uuid}",
        "lat": "{between:-90:90.0:body.a}",
        "count": "{between:1:10:body.a}",
    }
    client = answering(body)
    _, first = client.ask("POST", "/things/1", {"a": "Berlin", "b": 1})
    _, other = client.ask("POST", "/things/2", {"a": "Berlin", "b": 2})
    _, third = client.ask("POST", "/things/2", {"a": "Paris"})
    assert re.fullmatch(r"ch_\w{16}", first["id"])
    assert first["again"] == first["id"] != other["id"]
    assert re.fullmatch(r"x\w{24}", first["long"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first["uuid"])
    assert first["lat"] == other["lat"] != third["lat"]
    assert -90 <= first["lat"] < 90
    assert isinstance(first["count"], int)
    assert 1 <= first["count"] < 10


def test_the_same_request_has_the_same_answer() -> None:
    """What keeps nothing is a pure function of the request and the fake's seed."""
    client = Client(HttpService.load("geocoding"))
    asked = [client.ask("GET", f"{GEOCODE}?address=Berlin&key=k") for _ in range(2)]
    assert asked[0] == asked[1]
    assert asked[0][1]["results"][0]["formatted_address"] == "Berlin"
