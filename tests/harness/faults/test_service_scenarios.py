"""Services in scenarios: found beside the file, held in the resolved scenario, and broken by faults as any provider."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.invoice import Bill
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.serve import serve
from banstorm.harness import faults
from banstorm.harness.errors import HarnessError
from banstorm.harness.faults.base import Host
from banstorm.harness.plan import Wish, make_plan
from banstorm.harness.registry import registry
from banstorm.harness.targets.base import Options, ProviderAt
from banstorm.harness.targets.reference import ReferenceTarget
from banstorm.scenarios.library import load
from banstorm.scenarios.model import Scenario
from banstorm.scenarios.problems import ScenarioError

SCENARIO = """\
version: 1
title: A test
story: The payments service falls ill.
source: nowhere
seed: 7
providers:
  llm: {dialect: openai, model: m}
  pay: {dialect: http_service, service: SERVICE, model: any}
load: {rate: 10/s, duration: 10s}
timeline:
  - {at: 1s, until: 3s, on: pay, fault: rate_limited, with: {retry_after: 2s}}
expect:
  lost_calls: 0
"""
OWN = """\
name: own
title: Own
auth: {kind: none}
routes: [{route: GET /here, answer: {body: {x: 1}}}]
error: {body: {fault: "{message}"}}
errors: {rate_limited: {status: 429, message: Slow down., headers: {retry-after: "{retry_after}"}}}
"""


def scenario_file(folder: Path, service: str) -> Path:
    """A scenario whose second provider is that service."""
    path = folder / "test.yaml"
    path.write_text(SCENARIO.replace("SERVICE", service), "utf-8")
    return path


def test_a_path_is_beside_the_scenario_and_its_definition_goes_into_it(tmp_path: Path):
    """What a run is made of needs no other file: written, read again, and with the definition gone, it is the same."""
    (tmp_path / "own.yaml").write_text(OWN, "utf-8")
    plan = make_plan(Wish(scenario=str(scenario_file(tmp_path, "./own.yaml")), out=tmp_path / "runs"))
    (tmp_path / "own.yaml").unlink()
    again = Scenario.model_validate(json.loads(json.dumps(plan.public_scenario)))
    assert again == plan.scenario
    provider = again.providers["pay"]
    assert provider.service["routes"][0]["route"] == "GET /here"
    assert find(provider.dialect, provider.service).failures >= {"rate_limited"}
    assert plan.keys["pay"] == "anyone"
    assert plan.base_url("pay", 1) == "http://127.0.0.1:1"


@pytest.mark.parametrize("service", ["payments", "{SHIPPED}"])
def test_a_name_and_a_definition_in_the_scenario(tmp_path: Path, service: str):
    """A shipped service is found by its name; a definition may also stand in the scenario itself."""
    inline = json.dumps(find("http_service", "payments").definition)
    scenario = load(scenario_file(tmp_path, service.replace("{SHIPPED}", inline)), registry())
    assert scenario.providers["pay"].service["name"] == "payments"


MISTAKES = [
    ("paymentz", "", "no service is called 'paymentz'", "the name of a service", "'payments'"),
    ("./gone.yaml", "", "can't be read", "gone.yaml", "check the path"),
    ("./own.yaml", OWN.replace("routes:", "rutes:"), "unknown key 'rutes'", "own.yaml:4, rutes", "'routes'"),
    ("./own.yaml", OWN.replace("rate_limited", "overloaded"), "has no failure 'rate_limited'", "test.yaml:11", ""),
    ("{name: x, title: y}", "", "'auth' is missing", "test.yaml:8, providers.pay.service", "add auth"),
]


@pytest.mark.parametrize(("service", "own", "what", "where", "advice"), MISTAKES)
def test_mistakes_are_located(tmp_path: Path, service: str, own: str, what: str, where: str, advice: str):
    """A service that isn't there, is wrong, or lacks a failure that is asked for is told with its place."""
    (tmp_path / "own.yaml").write_text(own, "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(scenario_file(tmp_path, service), registry())
    first = caught.value.problems[0]
    assert (what in first.what, where in first.where, advice in first.next) == (True, True, True), first


def test_only_the_generic_dialect_has_services(tmp_path: Path):
    """A service under a vendor's dialect is a mistake, not a thing to pass over."""
    path = scenario_file(tmp_path, "payments")
    path.write_text(path.read_text().replace("dialect: http_service", "dialect: openai"), "utf-8")
    with pytest.raises(ScenarioError, match=r"only the dialect 'http_service' has services, not 'openai'"):
        load(path, registry())


@pytest.mark.parametrize(
    ("service", "method", "path"),
    [
        ("payments", "POST", "/service/charges"),
        ("geocoding", "GET", "/service/geocode/json?address=Paris"),
        ("echo", "POST", "/service/anything"),
    ],
)
async def test_a_service_is_asked_through_the_reference_router(tmp_path: Path, service: str, method: str, path: str):
    """A scenario with a service beside an LLM runs through the router: prompts go to the one, charges to the other.

    The key goes where each service wants it, and a service never stands in for a model.
    """
    file = scenario_file(tmp_path, service)
    file.write_text(file.read_text().replace(", with: {retry_after: 2s}", ""))
    scenario = load(file, registry())
    plan = make_plan(Wish(scenario=str(file), out=tmp_path / "runs"))
    bills: list[Bill] = []

    def fake(name: str) -> Any:
        provider = scenario.providers[name]
        dialect = find(provider.dialect, provider.service)
        return create_app(name, dialect, Pace(), run_seed=1, bill=bills.append, prices=PriceTable.load())

    servers = await serve({name: (fake(name), 0) for name in scenario.providers})
    at = {
        name: ProviderAt(each.dialect, each.model, plan.base_url(name, servers.ports[name]), plan.keys[name])
        for name, each in scenario.providers.items()
    }
    target = ReferenceTarget(Options())
    (tmp_path / "logs").mkdir()
    endpoint = await target.start(scenario, at, tmp_path)
    root = endpoint.base_url.removesuffix("/v1")
    try:
        async with httpx.AsyncClient(timeout=20) as client:
            await listens(client, f"{root}/healthz")
            chat = {"model": "any", "messages": [{"role": "user", "content": "hi"}]}
            answered = await client.post(f"{root}/v1/chat/completions", json=chat)
            served = await client.request(method, root + path, json=CHARGE if method == "POST" else None)
            models = (await client.get(f"{root}/v1/models")).json()["data"]
        assert (200, "llm") == (answered.status_code, answered.headers["x-llm-provider"])
        assert (200, "pay") == (served.status_code, served.headers["x-llm-provider"]), served.text
        assert "REQUEST_DENIED" not in served.text
        assert ["m"] == [each["id"] for each in models]
        assert ["llm", "pay"] == [bill.provider for bill in bills]
    finally:
        assert target.process is not None
        await target.process.stop()
        await servers.stop()


async def listens(client: httpx.AsyncClient, url: str) -> None:
    """Wait until somebody answers there."""
    async with asyncio.timeout(20):
        while True:
            try:
                await client.get(url)
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_the_reference_router_has_no_use_for_services_alone(tmp_path: Path):
    """A scenario of services alone leaves nobody to answer prompts, and says so."""
    scenario = load(scenario_file(tmp_path, "payments"), registry())
    only = {"pay": ProviderAt("http_service", "any", "http://127.0.0.1:1/v1", "k")}
    with pytest.raises(HarnessError, match="services alone"):
        await ReferenceTarget(Options()).start(scenario, only, tmp_path)


CHARGES = "/v1/charges"
CHARGE = {"amount": 2000, "currency": "usd", "source": "tok_visa"}
ENTRIES = {
    "rate_limited": {"retry_after": "2s"},
    "permission_denied": {},
    "org_disabled": {},
    "overloaded": {},
    "field_renamed": {},
    "content_type_changed": {"to": "text/html"},
    "slow_first_token": {"delay": "150ms"},
    "hang": {},
    "noop": {},
}


def _made(fault: str) -> str:
    return f"pay-{fault.replace('_', '-')}"


@pytest.fixture(scope="module")
def answers(long_stage):
    """What each fault makes of a charge, at a provider of its own in the inline host, and the rows written of it."""
    providers = {_made(fault): {"dialect": "http_service", "service": "payments", "model": "m"} for fault in ENTRIES}
    timeline = [
        {"at": "0s", "on": _made(fault), "fault": fault, "with": parameters} for fault, parameters in ENTRIES.items()
    ]
    scenario = Scenario.model_validate(
        {
            "version": 1,
            "title": "a test",
            "story": "none",
            "source": "none",
            "seed": 7,
            "providers": {name: {**each, "ttft": "5ms", "jitter": "0%"} for name, each in providers.items()},
            "load": {"rate": "1/s", "duration": "1h"},
            "timeline": timeline,
            "expect": {"lost_calls": 0},
        }
    )
    host = long_stage.host("inline", scenario)
    found = {}
    key = {"authorization": f"Bearer {find('http_service', 'payments').key_example}"}
    for fault in ENTRIES:
        url = f"http://127.0.0.1:{host.ports[_made(fault)]}{CHARGES}"
        try:
            found[fault] = httpx.post(url, json=CHARGE, headers=key, timeout=0.6 if fault == "hang" else 20)
        except httpx.ReadTimeout:
            found[fault] = None
        host.child.wait_for_row("attempts", lambda row, fault=fault: row["provider"] == _made(fault))
    host.stop()
    rows = {row["provider"]: row for row in host.child.rows("attempts")}
    return found, rows, {row["provider"]: row for row in host.child.rows("faults")}


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("rate_limited", 429, "rate_limit"),
        ("permission_denied", 403, None),
        ("org_disabled", 403, "account_closed"),
        ("overloaded", 503, None),
    ],
)
def test_refusals_are_in_the_services_words(answers, fault, status, code):
    """A refusing fault answers in the service's place, in its shape; the service never sees the request."""
    found, rows, _ = answers
    error = found[fault].json()["error"]
    assert (found[fault].status_code, error.get("code")) == (status, code)
    assert error["message"]
    assert found[fault].headers.get("retry-after") == ("2" if fault == "rate_limited" else None)
    assert rows[_made(fault)]["reached"] is False


def test_drifts_change_its_answers(answers):
    """The keys that the definition names as an answer's are renamed; a content type is replaced."""
    found, _, _ = answers
    renamed = found["field_renamed"].json()
    assert {"id_v2", "amount_v2", "status_v2", "currency"} <= renamed.keys()
    changed = found["content_type_changed"]
    assert (changed.headers["content-type"], changed.json()["amount"]) == ("text/html", 2000)


def test_slowness_silence_and_nothing(answers):
    """A delay comes before the answer, a hang never ends, and noop leaves all as it is."""
    found, rows, _ = answers
    assert found["slow_first_token"].elapsed.total_seconds() >= 0.15
    assert found["hang"] is None
    assert rows[_made("hang")]["ended_by"] == "router"
    assert found["noop"].json()["object"] == "charge"
    assert not [name for name in found["noop"].headers if name.startswith("x-banstorm")]


def test_every_fault_has_bitten(answers):
    """Each window matched one attempt and bit it, if it changes any; a service's requests are no call's attempts."""
    _, rows, windows = answers
    for fault in ENTRIES:
        window, row = windows[_made(fault)], rows[_made(fault)]
        assert (window["matched"], window["bites"]) == (1, int(fault != "noop"))
        assert (row["call"], row["path"]) == (None, CHARGES)
        assert row["fault"] == (window["entry"] if fault != "noop" else None)


def test_faults_that_a_service_lacks_are_refused_by_name():
    """Echo and geocoding have what they have; anything else is refused when the run is planned."""
    reasons = faults.refusals("oauth_revoked", find("http_service", "geocoding"), Host.INLINE)
    assert "no failure 'oauth_revoked'" in reasons[0]
    assert faults.refusals("oauth_revoked", find("http_service"), Host.INLINE) == []
