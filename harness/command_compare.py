"""`banstorm compare A B`: what changed between two runs, or two folders of runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .exitcode import Exit
from .told_runs import FORMATS, readable, say, write


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--gate", is_flag=True, help="Exit with 1 when B is worse than A by more than is tolerated.")
@click.option(
    "--tolerance",
    metavar="AMOUNT,…",
    help="What --gate lets pass, e.g. 10%, 50ms or lost_calls=2; 10%,50ms by default. Without --gate it means it too.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="What to print.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Write compare.html, .md and .json there, too."
)
def compare(a: Path, b: Path, *, gate: bool, tolerance: str | None, form: str, out: Path | None) -> None:
    """Compare the runs of A with those of B: did it help?

    A and B are folders of runs, the folder of one, or a report.json. Runs are paired by scenario and seed. From five
    pairs on, differences have an interval.

    Exit codes: 0, and with --gate 1 when something got worse or 3 when that can't be told; 2 bad usage.
    """
    from ..reports.compare import compare as compared
    from ..reports.gate import TOLERANCE
    from ..reports.gather import gather
    from .command_run import CODES, tolerated

    wanted = tolerated(tolerance if tolerance is not None else TOLERANCE) if gate or tolerance is not None else None
    with readable():
        comparison = compared(gather(a), gather(b), wanted)
    from ..reports import compare_html, compare_markdown, compare_text

    texts = {"markdown": compare_markdown.render(comparison), "json": comparison.model_dump_json(indent=1) + "\n"}
    files = {"compare.html": compare_html.render(comparison), "compare.md": texts["markdown"]}
    write(out, files | {"compare.json": texts["json"]})
    say(
        texts[form] if form in texts else compare_text.render(comparison), out, "compare.html" if form == "text" else ""
    )
    sys.exit(Exit.PASS if comparison.gate is None else CODES[comparison.gate.verdict])
