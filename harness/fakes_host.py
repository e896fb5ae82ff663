"""The fakes: every provider of a scenario in one process, a loopback listener each. A child process of the harness.

With `inline` faults it plays the timeline as well, and writes what the injector would write.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..fakes.app import create_app
from ..fakes.dialects import find
from ..fakes.invoice import Bill
from ..fakes.serve import PortTakenError, Servers, serve
from ..scenarios.model import Provider, Scenario
from .child import read_config, say
from .doors import Doors
from .faults.timeline import Timeline
from .inline import InlineFaults
from .lag import Heartbeat
from .ledger import Ledger
from .logins import log_in
from .pacing import pace_of, prices_of
from .serving import Crashes, background, keep_books, run, spare_collector, until_stopped
from .standings.staged import Staged, standings_on
from .witness import Witness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..fakes.app import ASGIApp
    from ..fakes.dialects.base import Dialect
    from ..fakes.prices import PriceTable


# dataclasses.asdict copies each value deeply, which nobody needs here
_COLUMNS: Final = tuple(field.name for field in fields(Bill))
_VALUES: Final = attrgetter(*_COLUMNS)

WARNINGS_MAX: Final = 20
"""Models without a price that are named."""


async def _serve(config: dict[str, Any]) -> int:
    scenario = Scenario.model_validate(config["scenario"])
    dialects = {name: find(provider.dialect, provider.service) for name, provider in scenario.providers.items()}
    ledger = Ledger(Path(config["ledger"]), "fakes")
    prices = prices_of(scenario)
    staged = _staged(scenario, dialects, config["seed"], prices)
    apps, logins = _apps(scenario, dialects, config["seed"], prices, staged, ledger)
    timeline = Timeline(scenario, run=config["run"], seed=config["seed"], dialects=dialects)
    witness = Witness(timeline, ledger, dialects)
    inline: dict[str, InlineFaults] = {}
    if config["inline"]:
        inline = {name: InlineFaults(app, name, witness, dialects[name]) for name, app in apps.items()}
    try:
        servers = await serve(
            {name: (inline.get(name, app), config["ports"].get(name, 0)) for name, app in apps.items()},
            doors=timeline.doors if inline else (),
        )
    except PortTakenError as error:
        say(
            "failed",
            what=f"a fake can't listen: port {error.port} is taken",
            where=f"127.0.0.1:{error.port}",
            next="free the port, or leave --ports out and any free one is taken",
        )
        return 1
    crashes = Crashes()  # a 500 goes out in the vendor's name then, and the router would be judged by it
    logging.getLogger().addHandler(crashes)
    heartbeat = Heartbeat()
    tasks = [background(heartbeat.run()), background(keep_books(ledger, "fakes", heartbeat))]
    if inline:
        tasks.append(background(witness.report()))
    spare_collector()
    say("ready", ports=servers.ports, logins=logins)

    doors = _doors(timeline, inline, servers)

    def start(t0_ns: int) -> None:
        timeline.start(t0_ns)
        doors.start()
        for each in staged.values():
            each.begin(t0_ns / 1e9)

    await until_stopped(start)
    crashed = crashes.count  # not what is cut short from now on
    for task in tasks:
        task.cancel()
    doors.stop()
    for faults in inline.values():
        faults.stop()
    await servers.stop()  # what is under way is billed now
    if inline:
        witness.close()
    ledger.close()
    if crashed:
        say("crashed", count=crashed)
        return 1
    return 0


def _doors(timeline: Timeline, inline: Mapping[str, InlineFaults], servers: Servers) -> Doors:
    """The doors that the timeline shuts, where the faults are played here."""

    def abort(provider: str, entry: str) -> None:
        inline[provider].break_off(entry)
        servers.reset(provider)

    return Doors(timeline, servers.doors, abort)


def _apps(
    scenario: Scenario,
    dialects: Mapping[str, Dialect],
    seed: int,
    prices: PriceTable,
    staged: Mapping[str, Staged],
    ledger: Ledger,
) -> tuple[dict[str, ASGIApp], dict[str, str]]:
    """The providers' applications, whose bills go to the ledger; and the refresh tokens of those that have a login."""
    unpriced: set[str] = set()

    def bill(each: Bill) -> None:
        ledger.add("invoices", dict(zip(_COLUMNS, _VALUES(each), strict=True)))
        if not each.priced and each.model and each.model not in unpriced and len(unpriced) < WARNINGS_MAX:
            unpriced.add(each.model)
            say("warning", what=f"the model {each.model!r} has no price, so its tokens are billed at zero")

    logins: dict[str, str] = {}

    def app_of(name: str, provider: Provider) -> ASGIApp:
        app = create_app(
            name,
            dialects[name],
            pace_of(provider),
            run_seed=seed,
            bill=bill,
            prices=staged[name].prices if name in staged else prices,
            account=staged[name].accounts if name in staged else None,
        )
        if provider.login is not None:
            app, logins[name] = log_in(app, dialects[name], staged[name], provider=name, bill=bill)
        return app

    return {name: app_of(name, provider) for name, provider in scenario.providers.items()}, logins


def _staged(scenario: Scenario, dialects: Mapping[str, Dialect], seed: int, prices: PriceTable) -> dict[str, Staged]:
    """The providers whose own state changes; the others know no accounts, which costs them nothing."""
    return {
        name: Staged(scenario, name, dialect, seed=seed, prices=prices)
        for name, dialect in dialects.items()
        if scenario.providers[name].login is not None or any(standings_on(scenario, name))
    }


if __name__ == "__main__":
    run(_serve(read_config()))
