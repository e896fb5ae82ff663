"""The commands `banstorm scorecard` and `banstorm export-issue`: their words on the command line."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .errors import HarnessError


@click.command()
@click.option("--targets", default="", metavar="NAME,…", help="Targets by name, e.g. litellm,portkey:tuned,haproxy.")
@click.option("--target", "more", multiple=True, help="One more target, as `run` takes it: a command or a YAML file.")
@click.option("--tag", help="Scenarios of the library with this tag, e.g. ci.")
@click.option("--scenario", "scenarios", multiple=True, help="One more scenario, by name or as a YAML file.")
@click.option("--seed", type=click.IntRange(0, 2**53 - 1), help="Another seed than each scenario's own.")
@click.option("--rate", metavar="RATE", help="Another rate than each scenario's own, e.g. 15/s.")
@click.option("--ready-timeout", metavar="DURATION", help="How long a target may take to become ready, e.g. 60s.")
@click.option("--tries", type=click.IntRange(1, 10), default=2, show_default=True, help="Runs of a cell at most.")
@click.option("--again", is_flag=True, help="Play every cell again, also those that are there.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("scorecards/scorecard"),
    show_default=True,
    help="Folder of the scorecard; one that is there goes on where it was.",
)
@click.option(
    "--render", "rendered", type=click.Path(path_type=Path), metavar="FOLDER", help="Only make its pages again."
)
@click.option(
    "--against", type=click.Path(path_type=Path), metavar="FOLDER", help="With --render: another one to compare with."
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="With --render: write there instead, without the runs, as for a repository.",
)
def scorecard(**words: Any) -> None:
    """Play several scenarios against several targets, a run each, and make one table of them.

    It may be ended at any time and goes on where it was. What was checked by hand goes into notes.yaml in its folder,
    and into the pages by --render.

    Exit codes: 0 every cell was judged, 2 usage, 3 some could not be, 130 interrupted.
    """
    from ..reports.scorecard import RUNS
    from ..scenarios.units import parse_duration, parse_rate
    from . import catalogue, command_scorecard
    from .plan import Wish
    from .scorecard_cells import ask

    if words["rendered"] is not None:
        sys.exit(command_scorecard.render(words["rendered"], against=words["against"], into=words["into"]))
    if words["against"] is not None or words["into"] is not None:
        raise click.UsageError("--against and --into go with --render")
    targets = list(dict.fromkeys([*filter(None, map(str.strip, words["targets"].split(","))), *words["more"]]))
    scenarios = list(dict.fromkeys([*(catalogue.tagged(words["tag"]) if words["tag"] else []), *words["scenarios"]]))
    if not targets or not scenarios:
        raise click.UsageError("give --targets and a --tag (or a --target and a --scenario), or --render")
    for each in targets:
        if each.startswith(("http://", "https://")):
            advice = "describe how it is started: a command, or a file that ends with .yaml"
            raise HarnessError("a scorecard starts its targets itself, once a run", f"--target {each}", advice)
    rate = _measured(parse_rate, words["rate"], "--rate")
    ready_s = _measured(parse_duration, words["ready_timeout"], "--ready-timeout")
    out = words["out"] / RUNS
    terms = command_scorecard.Terms(
        folder=words["out"],
        command=shlex.join(["banstorm", *sys.argv[1:]]),
        seed=words["seed"],
        rate=words["rate"],
        tries=words["tries"],
        again=words["again"],
    )
    wishes = [
        Wish(scenario, target, seed=words["seed"], out=out, rate=rate, ready_s=ready_s, charts=False)
        for target in targets
        for scenario in scenarios
    ]
    sys.exit(command_scorecard.play(list(map(ask, wishes)), terms))


@click.command("export-issue")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--call", type=click.IntRange(0), help="The call to show; the worst one by default.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; issue in the run's by default.")
def export_issue(folder: Path, call: int | None, out: Path | None) -> None:
    """Write a bug report for the router's maintainers out of a run's FOLDER, with a script that shows it by itself.

    The script needs Python alone: it answers as the providers were recorded to answer, sends one request through the
    router, and prints what came back.
    """
    from . import command_export

    sys.exit(command_export.export(folder, call, out))


def _measured(parse: Callable[[str], float], text: str | None, option: str) -> float | None:
    """An option's value in its base unit."""
    try:
        return None if text is None else float(parse(text))
    except ValueError as error:
        raise HarnessError(str(error), option, "write it with its unit") from error
