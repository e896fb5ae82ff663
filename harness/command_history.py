"""`banstorm history FOLDER`: a folder of runs over time."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .exitcode import Exit
from .told_runs import FORMATS, readable, say, write


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="What to print.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Write history.html, .md and .json there, too."
)
def history(folder: Path, form: str, out: Path | None) -> None:
    """Tell how the runs in FOLDER (runs by default) went over time: a line a scenario and target, with its trends.

    What can't be read is left out and named.
    """
    from ..reports import trends, trends_html, trends_words
    from ..reports.gather import gather

    with readable():
        found = trends.history(gather(folder))
    texts = {"markdown": trends_words.markdown(found), "json": found.model_dump_json(indent=1) + "\n"}
    files = {trends_html.FILE: trends_html.render(found), trends_words.FILE: texts["markdown"]}
    write(out, files | {"history.json": texts["json"]})
    say(texts[form] if form in texts else trends_words.text(found), out, trends_html.FILE if form == "text" else "")
    sys.exit(Exit.PASS)
