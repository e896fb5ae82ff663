"""What `banstorm run` and `banstorm report` do."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ..reports.advice import advice
from ..reports.tolerance import Tolerance, parse_tolerance
from ..scenarios.units import parse_duration, parse_rate, parse_share
from .annotate import annotate
from .command_web import with_audience
from .errors import HarnessError, Interrupted
from .exitcode import Exit
from .faults.base import Host
from .intercept import wanted
from .interruption import when_told_to_end
from .lines import Lines, tell
from .narrate import UNSEEN
from .plan import Plan, Wish, make_plan, parse_ports
from .targets.base import Options
from .terms import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..reports.result import Result
    from ..reports.terms import Terms

LAB: Final = ("mitmproxy", "locust", "pandas", "pyarrow", "vl_convert", "psutil", "rich")
"""Modules that the extra `lab` brings."""
CODES: Final[dict[str, Exit]] = {"pass": Exit.PASS, "fail": Exit.FAIL, "inconclusive": Exit.INCONCLUSIVE}

WARNINGS_MAX: Final = 5
"""Most warnings shown beside a verdict."""


def wish(
    *,
    scenario: str,
    target: str,
    inline: bool,
    seed: int | None,
    out: Path,
    ports: str,
    model: str | None,
    name: str | None,
    header: tuple[str, ...],
    api_key_env: str | None,
    settings: tuple[str, ...],
    front: str | None = None,
    dialect: str | None = None,
    openai_sdk: str,
    rate: str | None,
    ready_timeout: str | None,
    charts: bool,
    intercept: bool,
    maps: tuple[str, ...],
    proxy_port: int,
    tolerance: str = "",
    slo: str | None = None,
    volume: str | None = None,
    outage: str | None = None,
) -> Wish:
    """The command line's words as a `Wish`.

    Raises:
        HarnessError: when one of them is malformed.
    """
    return Wish(
        scenario=scenario,
        target=target,
        host=Host.INLINE if inline else Host.MITMPROXY,
        seed=seed,
        out=out,
        ports=parse_ports(ports),
        options=Options(
            model=model,
            headers=dict(map(_header, header)),
            api_key=_key(api_key_env),
            label=name,
            settings=settings,
            front=front,
        ),
        api_key_env=api_key_env,
        openai_sdk=_unit(parse_share, openai_sdk, "--openai-sdk"),
        rate=None if rate is None else _unit(parse_rate, rate, "--rate"),
        dialect=dialect,
        ready_s=None if ready_timeout is None else _unit(parse_duration, ready_timeout, "--ready-timeout"),
        charts=charts,
        intercept=wanted(intercept=intercept, maps=maps, port=proxy_port),
        tolerance=tolerated(tolerance),
        told=told(slo, volume, outage),
    )


def tolerated(text: str) -> Tolerance:
    """What `--tolerance` says.

    Raises:
        HarnessError: when it can't be understood.
    """
    try:
        return parse_tolerance(text)
    except ValueError as error:
        raise HarnessError(str(error), "--tolerance", "write it like 10%, 50ms or lost_calls=2") from error


def _header(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):\s*([^\r\n]*)", text)
    if match is None or not _is_printable(match[2]):
        # What was written may hold a credential, so that it is not shown.
        shown = f"the value of {match[1]} has characters other than ASCII" if match else "a header without its colon"
        raise HarnessError(shown, "--header", "write it like 'x-team: search'")
    return match[1], match[2].rstrip()


def _is_printable(value: str) -> bool:
    return value.isascii() and value.replace("\t", " ").isprintable()


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable) is None:
        # It may be the key itself, so that it is not shown.
        raise HarnessError("that is no name of a variable", "--api-key-env", "export KEY=… and give the name, KEY")
    value = os.environ.get(variable, "").strip()  # a key read from a file often ends with a line's end
    if not value:
        raise HarnessError(f"the environment variable {variable} is not set", "--api-key-env", f"export {variable}=…")
    if not _is_printable(value):
        raise HarnessError(f"{variable} has characters that no header can carry", "--api-key-env", "set it anew")
    return value


def _unit(parse: object, text: str, where: str) -> float:
    assert callable(parse)  # noqa: S101 - one of the parsers of scenarios.units
    try:
        return float(parse(text))
    except ValueError as error:
        raise HarnessError(str(error), where, "write it with its unit") from error


def need(modules: tuple[str, ...], extra: str) -> None:
    """Check that the modules of an extra are installed, without importing them.

    Raises:
        HarnessError: when one is missing.
    """
    missing = [each for each in modules if importlib.util.find_spec(each) is None]
    if missing:
        raise HarnessError(
            f"this needs the extra {extra!r}: {', '.join(missing)} not installed",
            f"the environment of {sys.executable}",
            f"pip install 'banstorm[{extra}]'",
        )


def prepare(wish: Wish) -> Plan:
    """Plan what was asked for, once all that it needs is known to be installed.

    Raises:
        HarnessError: when something is not, or the wish can't be planned.
        ScenarioError: when the scenario can't be used.
    """
    need(LAB, "lab")
    if wish.openai_sdk > 0:
        need(("openai",), "sdk")
    plan = make_plan(wish)
    if plan.scenario.load.clients.openai_sdk > 0:
        need(("openai",), "sdk")
    return plan


def play(wish: Wish) -> int:
    """Run it, say how it ended, and give the exit code."""
    plan = prepare(wish)
    try:
        result = _execute(plan)
    except Interrupted:
        kept = f"the ledger so far: {plan.folder}" if plan.folder.exists() else "nothing was played yet"
        text = f"\nINTERRUPTED  inconclusive; {kept}\nagain:  {plan.command}"
        tell(sys.stdout, [text])
        return Exit.INTERRUPTED
    return _conclude(result, plan.folder)


def _execute(plan: Plan) -> Result:
    from .run import Run

    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":  # which can't go back to draw anew
        from .live import LiveView

        view = LiveView(plan.scenario)
        with view:
            return drive(Run(plan, with_audience(plan, view)).execute)
    return drive(Run(plan, with_audience(plan, Lines(sys.stdout))).execute)


def drive(execute: object) -> Result:
    """Run the engine on an event loop; Ctrl-C, SIGTERM and a hang-up cancel it, and it cleans up."""

    async def body() -> Result:
        task = asyncio.current_task()
        assert task  # noqa: S101 - this runs in one
        when_told_to_end(task.cancel)
        assert callable(execute)  # noqa: S101 - Run.execute
        result: Result = await execute()
        return result

    return asyncio.run(body())


def report_again(folder: Path, *, charts: bool, terms: Terms | None = None, force: bool = False) -> int:
    """Make the pages of `folder` again and give the exit code of the verdict."""
    need(("pandas", "psutil", "pyarrow", "vl_convert"), "lab")
    from .run import make_report

    result = make_report(folder, charts=charts, terms=terms, force=force)
    return _conclude(result, folder)


def warned(warnings: Sequence[str]) -> list[str]:
    """Warnings beside the verdict, which may have scrolled away: a stray call, a price that is not known."""
    lines = [f"warning: {each.translate(UNSEEN)}" for each in warnings[:WARNINGS_MAX]]
    more = len(warnings) - WARNINGS_MAX
    return [*lines, f"warning: {more} more in the report"] if more > 0 else lines


def next_step(result: Result) -> list[str]:
    """What to do first about a verdict that is no pass, as the report's page says it."""
    return [] if result.verdict == "pass" else [f"next:   {each.title}" for each in advice(result)[:1]]


def _coloured() -> bool:
    """Whether colours are wanted, by the convention of no-color.org."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def _conclude(result: Result, folder: Path) -> int:
    """The last lines: the verdict, the report's path, and the command that repeats the run."""
    colour = {"pass": "green", "fail": "red", "inconclusive": "yellow"}[result.verdict]
    verdict = click.style(result.verdict.upper(), fg=colour, bold=True)
    lines = ["", (verdict if _coloured() else result.verdict.upper()) + f"  {result.sentence}"]
    for each in result.expectations:
        mark = {"met": "✓", "broken": "✗"}.get(each.state, "?")
        lines.append(f"  {mark} {each.measure} {each.wanted}: {each.found}{' (tolerated)' if each.tolerated else ''}")
    if result.run.tolerance:
        lines.append(f"tolerance: {result.run.tolerance}")
    lines += [*warned(result.run.warnings), *next_step(result)]
    tell(sys.stdout, [*lines, f"report: {folder / 'report.html'}", f"again:  {result.run.command}"])
    annotate(result)
    return CODES[result.verdict]
