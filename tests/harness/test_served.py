"""What `banstorm serve` makes of the names of services and of a file of the user's."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from banstorm.fakes import dialects
from banstorm.harness import command_serve
from banstorm.harness.errors import HarnessError
from banstorm.harness.served import choose
from test_serve import Served

MINE = """\
name: parcels
title: Parcels
base_path: /api
auth: {kind: header, name: x-api-key, example: "pk 0000000000000000"}
routes:
  - route: POST /api/parcels
    keep: parcels
    answer: {status: 201, body: {id: "{id:p_}", to: "{body.to}"}}
    example: {body: {to: O'Hara}}
  - route: GET /api/parcels/{id}
    give: parcels
    answer: {body: "{item}"}
error: {body: {fault: "{message}"}}
"""
PORTS = {"payments": 1, "openai": 2, "parcels": 3, "echo": 4, command_serve.CONTROL: 9}


@pytest.fixture
def mine(tmp_path: Path) -> str:
    """A definition of the user's."""
    path = tmp_path / "mine.yaml"
    path.write_text(MINE, "utf-8")
    return str(path)


def test_vendors_services_and_files_together(mine):
    """Each is served under its own name; no words mean every vendor and no service."""
    assert list(choose(("payments", "openai", mine))) == ["payments", "openai", "parcels"]
    assert choose(("openai",))["openai"] is dialects.find("openai")
    assert list(choose(())) == dialects.names()
    assert list(choose(("http_service",))) == ["http_service"]


def test_the_page_tells_how_to_ask_a_service(mine):
    """A service's part has its base URL, its key where it needs one, and a curl line a route, safe to paste."""
    page = command_serve.page(choose(("payments", mine, "echo", "openai")), PORTS, "t")
    assert "export PAYMENTS_BASE_URL=http://127.0.0.1:1/v1\nexport PAYMENTS_API_KEY=sk_test_" in page
    assert "export PARCELS_API_KEY='pk 0000000000000000'" in page
    assert "ECHO_API_KEY" not in page
    assert "/v1/providers/payments/standing" in page
    done = subprocess.run(["bash", "-n"], input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("change", "words", "what", "where"),
    [
        (("", ""), ("payment",), "nothing to serve is called 'payment'", "the command line"),
        (("name: parcels", "name: openai"), ("{mine}",), "as a vendor is", "{mine}"),
        (("name: parcels", "name: payments"), ("payments", "{mine}"), "two would be called 'payments'", "the command"),
        (("status: 201", "satus: 201"), ("{mine}",), "unknown key 'satus'", "{mine}:8, routes[0].answer.satus"),
        (("", ""), ("./nowhere.yaml",), "can't be read", "nowhere.yaml"),
    ],
)
def test_mistakes(mine, change, words, what, where):
    """What can't be served is told with its place."""
    Path(mine).write_text(MINE.replace(*change), "utf-8")
    with pytest.raises(HarnessError) as caught:
        choose(tuple(word.replace("{mine}", mine) for word in words))
    assert what in caught.value.what
    assert where.replace("{mine}", mine) in caught.value.where


@pytest.fixture
def running(mine) -> Iterator[Served]:
    """The user's service and a shipped one."""
    served = Served(mine, "geocoding")
    yield served
    served.end()


def test_a_service_is_controlled_as_any_provider(running):
    """Over HTTP: what is printed works, standing and reset reach the service, and what it kept is forgotten."""
    url, key = running.variables["PARCELS_BASE_URL"], {"x-api-key": "k"}
    made = httpx.post(f"{url}/parcels", json={"to": "me"}, headers=key)
    assert made.status_code == 201
    found = f"{url}/parcels/{made.json()['id']}"
    assert httpx.get(found, headers=key).json() == made.json()
    assert running.control("PUT", "/v1/providers/parcels/standing", {"state": "bad_key"}).status_code == 200
    refused = httpx.get(found, headers=key)
    assert (refused.status_code, list(refused.json())) == (401, ["fault"])
    running.control("POST", "/v1/providers/parcels/reset")
    assert httpx.get(found, headers=key).status_code == 404
    unknown = running.control("PUT", "/v1/providers/parcels/standing", {"state": "overloaded"})
    assert (unknown.status_code, "no failure 'overloaded'" in unknown.text) == (422, True)
    assert running.control("GET", "/v1/invoices").json()["count"] == 4
    assert re.search(r"GEOCODING_API_KEY=AIza", running.page)
