from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from banstorm.fakes import control as controls
from banstorm.fakes import control_books
from banstorm.fakes.account import Accounts
from banstorm.fakes.app import create_app
from banstorm.fakes.books import Books
from banstorm.fakes.control import Control, Provider, Tempo
from banstorm.fakes.control_bodies import Query
from banstorm.fakes.dialects import find
from banstorm.fakes.invoice import Bill
from banstorm.fakes.oauth import Grants
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.token_endpoint import with_token_endpoint

TOKEN = "control-token"
PATIENCE_S = 20  # no test gets anywhere near it; a hang fails instead of hanging


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Seconds now."""
        return self.now_s


class Market:
    """A fake, its control API, and a caller of both."""

    def __init__(self, fake: Any) -> None:
        self.clock = Clock()
        self.fake = fake
        self.books = Books()
        name = fake.name
        dialect = find(name)
        accounts = self.accounts = Accounts(dialect.failures, seed=1, clock=self.clock)
        grants = Grants(accounts, name, seed=1)
        self.tempo = Tempo(Pace())
        app = create_app(
            name,
            dialect,
            self.tempo,
            run_seed=1,
            bill=self.books.add,
            prices=PriceTable.load(),
            account=accounts,
        )
        fake.app = with_token_endpoint(app, grants, dialect, provider=name, bill=self.books.add)
        providers = {name: Provider(dialect, accounts, self.tempo, grants, "http://127.0.0.1:1/v1")}
        providers["plain"] = Provider(dialect, Accounts(dialect.failures, seed=1), Tempo(Pace()))
        self.control = Control(providers, self.books, TOKEN)

    async def ask(self, **options: Any) -> int:
        """The status of a question to the fake."""
        return int((await self.fake.post(self.fake.question("hi"), **options)).status)

    async def call(
        self, method: str, path: str, body: Any = None, token: str = TOKEN
    ) -> tuple[int, Any, dict[str, str]]:
        """Call the control API: status, document, headers."""
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        sent: list[Any] = []
        messages = [{"type": "http.request", "body": raw, "more_body": False}]

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        bare, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": bare,
            "query_string": query.encode(),
            "headers": [(b"authorization", f"Bearer {token}".encode())],
        }
        await self.control(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], orjson.loads(sent[1]["body"]), headers


@pytest.fixture
def market(make_fake: Any) -> Market:
    """A fake in good standing."""
    return Market(make_fake("openai"))


ONE = "/v1/providers/openai"


async def test_a_standing_is_changed_and_told(market) -> None:
    """A ban by control is what the next request meets, its key is shown as a fingerprint, and "ok" lifts it."""
    key = "sk-proj-x"
    status, body, _ = await market.call("PUT", f"{ONE}/standing", {"state": "org_disabled", "key": key, "in_s": 5})
    assert (status, body) == (200, {"state": "ok"})
    assert await market.ask() == 200
    market.clock.now_s += 5
    assert await market.ask() == 401
    _, told, _ = await market.call("GET", f"{ONE}/standing")
    assert told["everyone"] == "ok"
    [change] = told["changes"]
    assert (change["level"], change["state"], change["begins_in_s"]) == ("key", "org_disabled", 0)
    assert key not in orjson.dumps(told).decode()
    assert (await market.call("PUT", f"{ONE}/standing", {"state": "ok", "key": key}))[1] == {"state": "ok"}
    assert await market.ask() == 200


async def test_an_organisation_of_enrolled_keys(market) -> None:
    """Keys enrolled by control fall with their organisation."""
    assert (await market.call("POST", f"{ONE}/keys", {"key": "sk-proj-x", "organisation": "acme"}))[0] == 201
    await market.call("PUT", f"{ONE}/standing", {"state": "org_disabled", "organisation": "acme"})
    assert await market.ask() == 401
    assert await market.ask(headers={**market.fake.headers, "authorization": "Bearer sk-proj-y"}) == 200


async def test_a_quota_is_set_and_told(market) -> None:
    """A limit by control is what the next requests meet; levels and spending are told without keys."""
    _, told, _ = await market.call("PUT", f"{ONE}/quota", {"requests_per_minute": 2, "spend_usd": 5})
    assert told["rules"][0]["requests_per_minute"] == 2
    assert [await market.ask() for _ in range(3)] == [200, 200, 429]
    _, told, _ = await market.call("GET", f"{ONE}/quota")
    [bucket] = told["meters"]
    assert (bucket["counted"], bucket["limit"], bucket["remaining"], bucket["reset_s"]) == ("requests", 2, 0, 60)
    assert [each["usd"] > 0 for each in told["spent"]] == [True]
    assert "sk-proj-x" not in orjson.dumps(told).decode()


async def test_a_latency_is_set_and_told(market) -> None:
    """A new pace counts for the next answer."""
    assert (await market.call("GET", f"{ONE}/latency"))[1]["ttft_s"] == 0
    wanted = {"ttft_s": 1.5, "tokens_per_second": 80.0, "jitter": 0.2}
    told = {**wanted, "distance_s": 0.0, "slowdown": None, "models": {}}
    assert (await market.call("PUT", f"{ONE}/latency", wanted))[:2] == (200, told)
    assert 1.2 <= market.tempo.plan(1, "x", model="m", in_flight=1).first_s <= 1.8


async def test_a_login_brings_tokens_that_work(market) -> None:
    """Tokens of a login are taken by the fake and by its token endpoint; a provider without OAuth says so."""
    status, tokens, _ = await market.call("POST", f"{ONE}/logins", {})
    assert (status, tokens["expires_in"]) == (201, 3600)
    headers = {**market.fake.headers, "authorization": f"Bearer {tokens['access_token']}"}
    assert await market.ask(headers=headers) == 200
    body = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await market.fake.post(body, path="/oauth/token")).status == 200
    assert (await market.call("POST", "/v1/providers/plain/logins", {}))[0] == 409


@pytest.mark.parametrize("path", [f"{ONE}/reset", "/v1/reset"])
async def test_a_reset_lifts_everything(market, path) -> None:
    """After a reset nobody is banned or limited; the invoices are forgotten with that of everything."""
    await market.call("PUT", f"{ONE}/standing", {"state": "org_disabled"})
    await market.call("PUT", f"{ONE}/quota", {"requests_per_minute": 1})
    assert await market.ask() == 401
    assert (await market.call("POST", path))[0] == 200
    assert [await market.ask() for _ in range(3)] == [200, 200, 200]
    assert market.books.count == (4 if path == f"{ONE}/reset" else 3)


async def test_invoices_are_queried(market) -> None:
    """Invoices come filtered and page by page, and a page's `next` leads on."""
    for attempt in ("a", "b", "c"):
        await market.ask(headers={**market.fake.headers, "x-banstorm-attempt": attempt})
    await market.fake.post(b"{")
    pages, after = [], 0
    for _ in range(3):
        _, page, _ = await market.call("GET", f"/v1/invoices?limit=2&after={after}&provider=openai")
        after = page["next"]
        pages.append([row["attempt"] for row in page["invoices"]])
    assert pages == [["a", "b"], ["c", None], []]
    _, found, _ = await market.call("GET", "/v1/invoices?attempt=b&completed=true")
    [row] = found["invoices"]
    assert (row["number"], row["model"], row["usd"] > 0, found["count"]) == (2, "gpt-5.4-mini", True, 4)


def test_books_are_bounded() -> None:
    """The oldest invoices make way, numbers go on."""
    books = Books(kept=2)
    for attempt in "abc":
        books.add(Bill(attempt, "openai", "m", 1, 0, 1, 0.1, priced=True, completed=True, at_ns=1))
    page = books.find(Query())
    assert [(row["number"], row["attempt"]) for row in page["invoices"]] == [(2, "b"), (3, "c")]
    assert page["count"] == 3


async def test_waiting_for_invoices(market) -> None:
    """A wait ends with the invoice that it waits for, and is not met by another provider's."""
    async with asyncio.timeout(PATIENCE_S):
        wish = {"invoices": 2, "provider": "openai", "timeout_s": 15}
        waiting = asyncio.create_task(market.call("POST", "/v1/wait", wish))
        await market.ask()
        assert not waiting.done()
        await market.ask()
        assert (await waiting)[1]["met"] is True
        other = {"invoices": 1, "provider": "plain", "timeout_s": 0.05}
        assert (await market.call("POST", "/v1/wait", other))[1]["met"] is False


async def test_waiting_for_a_standing(market) -> None:
    """A wait ends when the clock brings the standing that it waits for."""
    await market.call("PUT", f"{ONE}/standing", {"state": "org_disabled", "in_s": 60})
    wish = {"provider": "openai", "state": "org_disabled"}
    assert (await market.call("POST", "/v1/wait", {**wish, "timeout_s": 0.05}))[1]["met"] is False
    async with asyncio.timeout(PATIENCE_S):
        waiting = asyncio.create_task(market.call("POST", "/v1/wait", {**wish, "timeout_s": 15}))
        await asyncio.sleep(0)
        market.clock.now_s += 60
        assert (await waiting)[1]["met"] is True


async def test_a_stop_ends_every_wait(market) -> None:
    """Who stops the fakes doesn't wait for those that wait."""
    async with asyncio.timeout(PATIENCE_S):
        waiting = asyncio.create_task(market.call("POST", "/v1/wait", {"invoices": 1, "timeout_s": 30}))
        await asyncio.sleep(0)  # it begins to wait
        assert market.books.waiters == 1
        await market.books.close()
        assert waiting.done(), "who stops them may cut connections now"
        assert (await waiting)[1]["met"] is False


async def test_waits_are_bounded(market, monkeypatch) -> None:
    """Neither their number nor their length is without end."""
    monkeypatch.setattr(control_books, "WAITERS_MAX", 0)
    status, problem, _ = await market.call("POST", "/v1/wait", {"invoices": 1})
    assert (status, problem["type"]) == (503, "urn:banstorm:too-many-waits")
    assert (await market.call("POST", "/v1/wait", {"invoices": 1, "timeout_s": 31}))[0] == 422


PROBLEMS: list[tuple[str, str, Any, int, str, str]] = [
    ("GET", "/v2", None, 404, "unknown-path", "/openapi.json"),
    ("PATCH", f"{ONE}/standing", None, 405, "method", "DELETE, GET, PUT"),
    ("GET", "/v1/providers/opena/quota", None, 404, "unknown-provider", "openai"),
    ("POST", "/v1/wait", {"provider": "opena", "invoices": 1}, 404, "unknown-provider", "openai"),
    ("PUT", f"{ONE}/standing", b"{", 400, "no-json", ""),
    ("PUT", f"{ONE}/standing", {}, 422, "invalid", "/state"),
    ("PUT", f"{ONE}/standing", [], 422, "invalid", ""),
    ("PUT", f"{ONE}/standing", {"state": "org_disable"}, 422, "invalid", "did you mean 'org_disabled'"),
    ("PUT", f"{ONE}/standing", {"state": "ok", "kye": "k"}, 422, "invalid", "/kye"),
    ("PUT", f"{ONE}/standing", {"state": "ok", "key": "k", "organisation": "o"}, 422, "invalid", "one of them"),
    ("PUT", f"{ONE}/quota", {"requests_per_minute": 0}, 422, "invalid", "/requests_per_minute"),
    ("PUT", f"{ONE}/latency", {"jitter": 2}, 422, "invalid", "/jitter"),
    ("PUT", f"{ONE}/latency", {"ttft_s": {"p50": 1}}, 422, "invalid", "/ttft_s: Value error, expected two or more"),
    ("GET", "/v1/invoices?limit=1001", None, 422, "invalid", "/limit"),
    ("POST", "/v1/wait", {}, 422, "invalid", "give one of"),
    ("POST", "/v1/wait", {"state": "ok"}, 422, "invalid", "needs its `provider`"),
    ("PUT", f"{ONE}/standing", b"x" * 70_000, 413, "too-large", "65536 bytes"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "kind", "words"), PROBLEMS)
async def test_a_refusal_is_a_problem_that_says_what_to_do(market, method, path, body, status, kind, words) -> None:
    """Every refusal is a problem document with its type, title, status and a detail that helps."""
    got, problem, headers = await market.call(method, path, body)
    assert (got, problem["status"], problem["type"]) == (status, status, f"urn:banstorm:{kind}")
    assert headers["content-type"] == "application/problem+json"
    assert problem["title"]
    assert words in problem["detail"]


@pytest.mark.parametrize("token", ["", "control", "control-token-more"])
async def test_without_the_token_nothing_is_told(market, token) -> None:
    """Every operation needs the token, before anything else is said."""
    for route in controls.ROUTES:
        status, problem, headers = await market.call(route.method, route.path, {}, token=token)
        assert (status, problem["type"]) == (401, "urn:banstorm:unauthorized")
        assert headers["www-authenticate"].startswith("Bearer")


async def test_providers_are_listed(market) -> None:
    """A caller learns where each provider is and which failures it has."""
    _, told, _ = await market.call("GET", "/v1/providers")
    assert told["openai"]["url"] == "http://127.0.0.1:1/v1"
    assert "org_disabled" in told["openai"]["failures"]
    assert [each["oauth"] for each in told.values()] == [True, False]
