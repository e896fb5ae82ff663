"""The command `banstorm`. Heavy packages are imported only by the commands that need them."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import click

from ..reports.schema import DOCUMENTS
from ..scenarios.problems import ScenarioError
from . import annotate
from .cli_run import own_terms, run
from .cli_scorecard import export_issue, scorecard
from .command_compare import compare
from .command_history import history
from .errors import HarnessError, Interrupted, NotReadyError
from .exitcode import Exit


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="banstorm", message="%(package)s %(version)s")
@click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong.")
def banstorm(debug: bool) -> None:  # noqa: FBT001 - click passes options so
    """The crash-test lab for LLM routers."""


banstorm.add_command(run)
banstorm.add_command(scorecard)
banstorm.add_command(export_issue)
banstorm.add_command(compare)
banstorm.add_command(history)


@banstorm.command()
@click.argument("targets", nargs=-1)
def prepare(targets: tuple[str, ...]) -> None:
    """Install TARGETS ahead of time (all of them if none is named), each into an environment of its own in the cache.

    `run` does it itself when it has to. The cache is BANSTORM_CACHE, else banstorm's folder in the user's cache.
    """
    from . import command_prepare

    sys.exit(command_prepare.prepare(targets))


@banstorm.command("list")
@click.argument(
    "what",
    type=click.Choice(["scenarios", "faults", "standings", "events", "drifts", "measures", "dialects", "targets"]),
    default="scenarios",
)
@click.option("--tag", help="Only the scenarios with this tag, e.g. ci.")
def list_(what: str, tag: str | None) -> None:
    """List the scenarios, or the names that a scenario may use."""
    from . import catalogue

    if tag is not None and what != "scenarios":
        raise HarnessError(f"{what} have no tags", "--tag", "banstorm list scenarios --tag …")
    click.echo(catalogue.listing(what, tag))


@banstorm.command()
@click.argument("name")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the scenario's file, to copy from.")
def show(name: str, as_yaml: bool) -> None:  # noqa: FBT001 - click passes options so
    """Explain a scenario, with its timeline drawn; or a fault, a standing, an event or a measure."""
    from . import catalogue, drawing

    click.echo(catalogue.explain(name, as_yaml=as_yaml, style=drawing.style_of(sys.stdout)))


@banstorm.command()
@click.argument("name")
def new(name: str) -> None:
    """Write a scenario to begin with, every key explained; NAME is a name, or a path that ends with .yaml."""
    from . import command_new

    sys.exit(command_new.write(name))


@banstorm.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--no-charts", is_flag=True, help="Leave out the PNG and SVG charts.")
@annotate.option
@own_terms
@click.option("--force", is_flag=True, help="Write over what is there even if part of the run can't be read.")
def report(
    *, folder: Path, no_charts: bool, slo: str | None, volume: str | None, outage: str | None, force: bool
) -> None:
    """Make the report of a run again, from its FOLDER alone, and judge it again."""
    from . import command_run
    from .terms import terms

    told = terms(slo, volume, outage)
    sys.exit(command_run.report_again(folder, charts=not no_charts, terms=told, force=force))


@banstorm.command()
@click.argument("document", type=click.Choice(["scenario", *DOCUMENTS]), default="scenario")
@click.option("--check", type=click.Path(path_type=Path), help="Compare with this file instead of printing.")
def schema(document: str, check: Path | None) -> None:
    """Print the JSON Schema of scenario files; or of a DOCUMENT that banstorm writes, such as report.json."""
    from ..reports import schema as documents
    from . import schema as scenarios

    text = scenarios.text() if document == "scenario" else documents.text(document)
    if check is None:
        click.echo(text, nl=False)
        return
    try:
        same = check.read_text("utf-8") == text
    except OSError as error:
        raise HarnessError(f"the schema can't be read: {error.strerror}", str(check), "check the path") from error
    if not same:
        words = "schema" if document == "scenario" else f"schema {document}"
        raise HarnessError("the schema is out of date", str(check), f"run: banstorm {words} > {check}")


@banstorm.command()
@click.argument("dialects", nargs=-1)
@click.option("--ports", default="", metavar="NAME=PORT,…", help="Fixed ports for the providers.")
@click.option(
    "--control-port", type=click.IntRange(0, 65535), default=0, help="Fixed port for the control API; any by default."
)
@click.option(
    "--price-file",
    "price_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Price table to lay over banstorm's own; may be given several times.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**53 - 1), default=1, show_default=True, help="Seed of all that varies."
)
@click.option(
    "--accounts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Customers to begin with: keys, organisations, limits, standing, as YAML.",
)
@click.option(
    "--answers", type=click.Path(path_type=Path), metavar="FILE", help="Canned answers: a YAML list of rules."
)
@click.option("--replay", type=click.Path(path_type=Path), metavar="FILE", help="Recording to answer from.")
@click.option(
    "--replay-speed", "speed", type=float, default=1.0, show_default=True, help="Times as fast as recorded; 0: at once."
)
@click.option("--replay-strict", "strict", is_flag=True, help="Refuse what was never recorded.")
def serve(
    dialects: tuple[str, ...],
    ports: str,
    control_port: int,
    price_files: tuple[Path, ...],
    seed: int,
    accounts: Path | None,
    **wish: Any,
) -> None:
    """Stand in for the providers of DIALECTS (all of them if none is named), until Ctrl-C.

    A dialect may also be a service beyond LLMs: echo, payments, geocoding, or a file of your own such as ./mine.yaml.

    Prints what each vendor's SDK needs, and where the control API is, which changes standing, quota and latency and
    tells what was billed. Its token is taken from BANSTORM_CONTROL_TOKEN if that is set.
    """
    from . import command_serve
    from .own_answers import Wish

    sys.exit(
        command_serve.play(
            names=dialects,
            ports=ports,
            control_port=control_port,
            price_files=price_files,
            wish=Wish(**wish),
            accounts=accounts,
            seed=seed,
        )
    )


@banstorm.command()
@click.argument("what", nargs=-1, metavar="[SCENARIO | VENDORS]")
@click.option(
    "--map", "maps", multiple=True, metavar="HOST=PROVIDER", help="Host that stands for a provider, besides its own."
)
@click.option(
    "--proxy-port", type=click.IntRange(0, 65535), default=0, help="Fixed port for the proxy; any by default."
)
@click.option("--play", "plays", is_flag=True, help="Play the scenario's timeline, from the first request on.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder to keep the ledger in; a new one."
)
def intercept(what: tuple[str, ...], maps: tuple[str, ...], proxy_port: int, *, plays: bool, out: Path | None) -> None:
    """Stand in for vendors under their own names, by a proxy that ends TLS, for programs of your own; until Ctrl-C.

    Give a scenario, or vendors such as openai and anthropic; all of them if none is named. Prints the environment that
    a program must be started with.
    """
    from . import command_intercept
    from .intercept import Interception
    from .intercept_hosts import parse_maps

    sys.exit(command_intercept.play(what, Interception(parse_maps(maps), proxy_port), plays=plays, out=out))


@banstorm.command()
@click.option(
    "--upstream",
    "upstreams",
    multiple=True,
    metavar="NAME=URL",
    help="A real API to record; may be given several times.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="File to write; a new one.")
@click.option("--ports", default="", metavar="NAME=PORT,…", help="Fixed ports for the proxies.")
@click.option("--allow-network", is_flag=True, help="Call APIs beyond this machine.")
@click.option("--keep-prompts", is_flag=True, help="Write requests' bodies too, not only their fingerprints.")
def record(upstreams: tuple[str, ...], out: Path, ports: str, **flags: bool) -> None:
    """Record what real APIs answer, without credentials, for `banstorm serve --replay`, until Ctrl-C.

    Listens on loopback, a port a provider, and forwards to the API of the same name. Point your callers there.
    """
    from . import command_record

    sys.exit(command_record.play(upstreams=upstreams, out=out, ports=ports, **flags))


@banstorm.command("compile")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["har", "flows", "csv", "json", "ndjson", "run"]),
    help="What FILE is, if its name and its beginning don't tell.",
)
@click.option("--columns", default="", metavar="FIELD=COLUMN,…", help="Which columns say it, e.g. time=ts,status=code.")
@click.option("--compress", metavar="FACTOR", help="How many times as fast, e.g. 60x.")
@click.option("--fit", metavar="DURATION", help="How long the log may last, e.g. 30s; 60s by default if it is longer.")
@click.option("--rate", metavar="RATE", help="Most calls, e.g. 20/s; 60/s by default.")
@click.option("--title", help="The scenario's title.")
@click.option("--out", type=click.Path(path_type=Path), metavar="SCENARIO", help="File to write instead of printing.")
def compile_(**words: Any) -> None:
    """Turn a log of what really happened into a scenario that plays it again: its mix of errors, and when they came.

    FILE is a HAR, a mitmproxy flow file, a CSV, JSON or NDJSON log with a time, a provider, a status and a latency a
    call, or the folder of a run. Credentials and prompts never reach the scenario.
    """
    from . import command_compile

    sys.exit(command_compile.play(**words))


@banstorm.command()
@click.argument("provider")
@click.argument("kind", required=False)
@click.option("--key", help="The credential that is banned; everyone without any of these.")
@click.option("--project", help="The project that is banned.")
@click.option("--organisation", help="The organisation that is banned.")
@click.option("--region", help="The region that is banned.")
@click.option("--in", "in_", metavar="DURATION", help="When it begins, e.g. 5s; at once by default.")
@click.option("--for", "for_", metavar="DURATION", help="How long it lasts, e.g. 30s; until it is lifted by default.")
def ban(provider: str, kind: str | None, **words: str | None) -> None:
    """Ban customers of PROVIDER at a running `banstorm serve`; KIND is a failure of the vendor's, as org_disabled.

    Without a KIND it prints every failure that PROVIDER has, one a line.
    Finds it by BANSTORM_CONTROL_URL and BANSTORM_CONTROL_TOKEN, which `serve` prints.
    """
    from . import command_ban

    click.echo(command_ban.kinds(provider) if kind is None else command_ban.ban(provider, kind, **words))


@banstorm.command()
@click.argument("provider")
def unban(provider: str) -> None:
    """Lift every ban at PROVIDER of a running `banstorm serve`."""
    from . import command_ban

    click.echo(command_ban.unban(provider))


@banstorm.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def router(arguments: tuple[str, ...]) -> None:
    """Run the reference router: banstorm router --config router.yaml. Its own --help tells its options."""
    from . import command_router

    command_router.become(arguments)


@banstorm.command()
def doctor() -> None:
    """Check that this machine and installation can run a crash test."""
    from . import doctor as checks

    healthy, lines = checks.examine()
    click.echo("\n".join(lines))
    sys.exit(Exit.PASS if healthy else Exit.USAGE)


def main() -> None:
    """Entry point of the command. Errors are three lines; a traceback appears only with `--debug`."""
    debug = "--debug" in sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal or log without our signs shows others, and is no error
    try:
        code = banstorm.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else Exit.PASS)
    except click.exceptions.Abort:
        sys.exit(Exit.INTERRUPTED)
    except Interrupted:
        sys.exit(Exit.INTERRUPTED)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "banstorm"
        click.echo(f"error: {error.format_message()}\nwhere: the command line\nnext:  {path} --help", err=True)
        sys.exit(Exit.USAGE)
    except (ScenarioError, HarnessError) as error:
        if debug:
            raise
        click.echo(str(error), err=True)
        sys.exit(Exit.INCONCLUSIVE if isinstance(error, NotReadyError) else Exit.USAGE)
    except Exception as error:
        if debug:
            raise
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        click.echo(f"error: banstorm itself failed: {what}\nwhere: {_place(error)}", err=True)
        click.echo("next:  run again with --debug and report it", err=True)
        sys.exit(Exit.INTERNAL)


def _place(error: BaseException) -> str:
    """The innermost place of ours that an exception passed."""
    place = "banstorm"
    trace = error.__traceback__
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


if __name__ == "__main__":
    main()
