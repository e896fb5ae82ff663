"""The command `banstorm run`: its words on the command line. What it does is in `command_run` and `run_many`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from . import annotate


def own_terms(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options for the user's own month: of `run`, and of `report` afterwards."""
    for option in (
        click.option("--outage", metavar="TIME", help="Length of the outage to project, such as 4h."),
        click.option(
            "--volume", metavar="CALLS", help="Your own traffic, such as 2M/day, for the month's cost and budget."
        ),
        click.option("--slo", metavar="SHARE", help="Your objective, such as 99.9%, for the error budget."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("scenario", required=False)
@click.option("--tag", help="Play all scenarios of the library with this tag, one after the other, e.g. ci.")
@click.option(
    "--target",
    default="reference",
    show_default=True,
    help="A target's name (litellm, litellm:tuned, …), a running router's URL, a command with {port}, or a YAML file.",
)
@click.option("--inline", is_flag=True, help="Play the faults inside the fakes, without mitmproxy (two witnesses).")
@click.option(
    "--intercept", is_flag=True, help="Stand between the router and the vendors' own addresses, as its HTTPS proxy."
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="HOST=PROVIDER",
    help="Host that stands for a provider under --intercept; may be given several times.",
)
@click.option(
    "--proxy-port", type=click.IntRange(0, 65535), default=0, help="Fixed port for the proxy; any by default."
)
@click.option("--seed", type=click.IntRange(0, 2**53 - 1), help="Another seed than the scenario's.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder for runs."
)
@click.option(
    "--ports", default="", metavar="NAME=PORT,…", help="Fixed ports for the providers, to configure a router with."
)
@click.option("--model", help="Model name that the callers ask the router for.")
@click.option("--name", help="What the report calls the target.")
@click.option(
    "--header", multiple=True, metavar="NAME: VALUE", help="Header for every call; may be given several times."
)
@click.option("--api-key-env", metavar="VARIABLE", help="Environment variable with the API key for the router.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Setting of a target that banstorm configures."
)
@click.option("--front", metavar="DIALECT", help="What the callers speak: openai_chat, anthropic_messages, …")
@click.option("--dialect", help="Give all providers this dialect, for a router that does not translate.")
@click.option("--openai-sdk", default="0%", metavar="SHARE", help="Share of the calls made by the official OpenAI SDK.")
@click.option("--rate", metavar="RATE", help="Another rate than the scenario's, e.g. 15/s, for a slower router.")
@click.option("--ready-timeout", metavar="DURATION", help="How long the target may take to become ready, e.g. 60s.")
@click.option("--no-charts", "charts", flag_value=False, default=True, help="Leave out the PNG and SVG charts.")
@click.option(
    "--repeat",
    type=click.IntRange(1, 50),
    metavar="N",
    help="Play it N times, each with the next seed; the worst decides, and from 5 on measures have an interval.",
)
@click.option(
    "--tolerance",
    default="",
    metavar="AMOUNT,…",
    help="How far beyond its limits is accepted, e.g. 10%, 50ms or lost_calls=2; always told in the report.",
)
@own_terms
@click.option("--web", is_flag=True, help="Show the run on a local page while it goes on; its address is printed.")
@annotate.option
def run(scenario: str | None, tag: str | None, *, web: bool, repeat: int | None, **words: Any) -> None:
    """Play SCENARIO (a name, or a YAML file) against a router and judge it; or all scenarios with a --tag.

    Exit codes: 0 pass, 1 fail, 2 bad scenario or usage, 3 inconclusive, 4 internal error, 130 interrupted. Of several
    runs the worst decides: fail, then inconclusive, then pass.
    """
    from . import command_run, command_web, run_many
    from . import repeat as repeating

    if (scenario is None) == (tag is None):
        raise click.UsageError("give one scenario, or a --tag")
    wish = command_run.wish(scenario=scenario or "", **words)
    play = command_run.play if tag is None else partial(run_many.play_tagged, tag)
    if repeat is not None:
        play = partial(repeating.play_repeated, times=repeat, tag=tag)
    sys.exit(command_web.watched(play, wish) if web else play(wish))
