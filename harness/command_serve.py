"""What `banstorm serve` does: every provider on a loopback port of its own, with a control API beside them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from ..fakes import dialects
from ..fakes.account import Accounts
from ..fakes.accounts_file import AccountsFile, AccountsFileError, load
from ..fakes.app import ASGIApp, create_app
from ..fakes.books import Books
from ..fakes.control import Control, Provider, Tempo
from ..fakes.dialects.base import Dialect
from ..fakes.dialects.http_service import HttpService
from ..fakes.oauth import Grants, Tokens
from ..fakes.pace import Pace
from ..fakes.prices import PriceTable, PriceTableError
from ..fakes.serve import LOOPBACK, PortTakenError, Servers, serve
from ..fakes.token_endpoint import with_token_endpoint
from .errors import HarnessError
from .exitcode import Exit
from .own_answers import OwnAnswers, Wish
from .plan import parse_ports
from .served import choose, service_lines
from .serving import spare_collector
from .vendor_variables import SPOKEN, VARIABLES

TOKEN_VARIABLE: Final = "BANSTORM_CONTROL_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable with the control API's token; without it one is made up."""
CONTROL: Final = "control"
"""The control API's name among the ports."""
SEED: Final = 1
"""Seed of ids, paces, tokens, and of who is reached first by a change of standing, unless `--seed` says another."""

_OAUTH: Final = frozenset({"anthropic", "openai"})


@dataclass(frozen=True, slots=True)
class _Served:
    """What is served, and how."""

    chosen: dict[str, Dialect]
    ports: dict[str, int]
    control_port: int
    prices: PriceTable
    own: OwnAnswers
    people: AccountsFile | None
    seed: int


def play(
    *,
    names: tuple[str, ...],
    ports: str,
    control_port: int,
    price_files: tuple[Path, ...],
    wish: Wish | None = None,
    accounts: Path | None = None,
    seed: int = SEED,
) -> int:
    """Serve until Ctrl-C or SIGTERM, and give the exit code.

    Args:
        names: Dialects and services to serve; none for every dialect.
        ports: Fixed ports, as ``anthropic=9101,openai=9102``.
        control_port: Port of the control API, 0 for any free one.
        price_files: Price tables laid over banstorm's own.
        wish: Answers of the user's own.
        accounts: File of the customers to begin with.
        seed: Seed of ids, paces, tokens, and of who is reached first by a change of standing.

    Raises:
        HarnessError: when a name, a port, a price table, or a file of answers or customers can't be used.
    """
    chosen = choose(names)
    given = os.environ.get(TOKEN_VARIABLE, "")
    if not given.isprintable() or given != given.strip():
        what = "the token can't stand in a header: it has a line end, or a space around it"
        raise HarnessError(what, TOKEN_VARIABLE, "set another, or none: then one is made up")
    fixed = parse_ports(ports)
    if strange := sorted(fixed.keys() - chosen.keys()):
        raise HarnessError(
            f"a port for {strange[0]!r}, which isn't served", "--ports", f"served are {', '.join(chosen)}"
        )
    try:
        prices = PriceTable.load(*price_files)
    except PriceTableError as error:
        raise HarnessError(str(error), "--price-file", "mend the table, or leave it out") from error
    own = OwnAnswers.load(wish or Wish(), chosen)
    with _mistakes():
        people = None if accounts is None else load(accounts, {*dialects.names(), *chosen})
    served = _Served(chosen, fixed, control_port, prices, own, people, seed)
    loop_factory = None
    if sys.platform != "win32":
        import uvloop

        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_serve(served))
    return Exit.PASS


@contextlib.contextmanager
def _mistakes() -> Iterator[None]:
    """Tell what is wrong with the file of customers."""
    try:
        yield
    except AccountsFileError as error:
        raise HarnessError(error.what, error.where, error.advice) from error


async def _serve(served: _Served) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    books = Books()
    token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
    providers: dict[str, Provider] = {}
    apps: dict[str, tuple[ASGIApp, int]] = {}
    chosen, own, seed = served.chosen, served.own, served.seed
    begun: dict[str, Begun] = {}
    for name, dialect in chosen.items():
        accounts, tempo = Accounts(dialect.failures, seed=seed, vendor=dialect.name), Tempo(Pace())
        grants = Grants(accounts, name, seed=seed) if name in _OAUTH else None
        app = create_app(
            name,
            dialect,
            tempo,
            run_seed=seed,
            bill=books.add,
            prices=served.prices,
            account=accounts,
            script=own.script,
        )
        app = own.wrap(app, name, dialect, accounts)
        if grants is not None:
            app = with_token_endpoint(app, grants, dialect, provider=name, bill=books.add)
        apps[name] = (app, served.ports.get(name, 0))
        providers[name] = Provider(dialect, accounts, tempo, grants)
        if served.people is not None:
            with _mistakes():
                begun[name] = Begun(served.people.key(name), served.people.apply(name, providers[name]))
    # the control API is told the providers' addresses once they are known
    known = dict(providers)
    apps[CONTROL] = (Control(known, books, token), served.control_port)
    servers = await _listen(apps)
    for name, each in providers.items():
        known[name] = Provider(each.dialect, each.accounts, each.tempo, each.grants, _root(servers.ports[name]))
    spare_collector()
    click.echo("\n".join([*own.lines, page(chosen, servers.ports, token, begun)]))
    await stopped.wait()
    await books.close()
    await servers.stop()


async def _listen(apps: dict[str, tuple[ASGIApp, int]]) -> Servers:
    try:
        return await serve(apps)
    except PortTakenError as error:
        option = "--control-port" if apps[CONTROL][1] == error.port else "--ports"
        raise HarnessError(
            f"port {error.port} is taken",
            f"{LOOPBACK}:{error.port}",
            f"free it, choose another, or leave {option} out and any free one is taken",
        ) from error


@dataclass(frozen=True, slots=True)
class Begun:
    """With whom a provider begins: a key of the file's, if it has one, and the tokens of each grant."""

    key: str | None = None
    grants: list[tuple[str, Tokens]] = field(default_factory=list)


_NOBODY: Final = Begun()


def page(
    chosen: Mapping[str, Dialect], ports: Mapping[str, int], token: str, begun: Mapping[str, Begun] | None = None
) -> str:
    """What is printed: a shell script that sets variables and does nothing else; commands to try are comments.

    Args:
        chosen: The dialects that are served.
        ports: The port of each, and of the control API.
        token: The control API's token.
        begun: With whom providers begin; any API key is accepted where nobody is named.
    """
    begun = begun or {}
    any_key = not any(each.key for each in begun.values())
    keys = "any API key is accepted" if any_key else "only keys of the file are accepted where it names any"
    lines = [f"# banstorm stands in for these providers; {keys}. Paste what you need into a shell."]
    for name, dialect in chosen.items():
        root = _root(ports[name])
        words = {"root": root, "base": root + dialect.base_path, "key": dialect.key_example}
        people = begun.get(name, _NOBODY)
        words["key"] = people.key or dialect.key_example
        lines += ["", f"# {name}: {words['base']}"]
        for template in VARIABLES.get(name, ()):
            lines.append(_export(template, words))
        if isinstance(dialect, HttpService):
            lines += service_lines(name, dialect, root)
        elif name in SPOKEN:
            lines.append(f"# {SPOKEN[name].format_map(words)}")
        elif name not in VARIABLES:
            lines.append(f"# API key, for example: {words['key']}")
        for organisation, tokens in people.grants:
            lines.append(f"# a login of {organisation}: access {tokens.access} refresh {tokens.refresh}")
    lines += ["", f"# control: {_root(ports[CONTROL])}/openapi.json"]
    lines.append(f"export BANSTORM_CONTROL_URL={_root(ports[CONTROL])}")
    lines.append(f"export {TOKEN_VARIABLE}={shlex.quote(token)}")
    name, dialect = next(iter(chosen.items()))
    state = "org_disabled" if "org_disabled" in dialect.failures else min(dialect.failures)
    lines += ["", f"# ban {name}: banstorm ban {name} {state}; lift it again: banstorm unban {name}"]
    lines.append('# or, by the control API (the state "ok" lifts it again):')
    lines.append(
        f'# curl -sS -X PUT "$BANSTORM_CONTROL_URL/v1/providers/{name}/standing" '
        f"""-H "authorization: Bearer ${TOKEN_VARIABLE}" -d '{{"state": "{state}"}}'"""
    )
    lines += ["", "# Ctrl-C ends it"]
    return "\n".join(lines)


def address_lines(name: str, dialect: Dialect, root: str) -> list[str]:
    """What tells a vendor's SDK where to go, without a word about its key.

    Args:
        name: The provider's name.
        dialect: Its dialect.
        root: The address, up to the port.
    """
    words = {"root": root, "base": root + dialect.base_path}
    templates = [each for each in VARIABLES.get(name, ()) if "{root}" in each or "{base}" in each]
    lines = [_export(each, words) for each in templates]
    return [*lines, f"# {SPOKEN[name].format_map(words)}"] if name in SPOKEN else lines


def _export(template: str, words: Mapping[str, str]) -> str:
    variable, _, value = template.partition("=")
    return f"export {variable}={shlex.quote(value.format_map(words))}"


def _root(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
