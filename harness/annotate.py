"""Annotations for a forge's job page: `--annotations`, or where GitHub's own runner says that it runs us."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from .lines import tell

if TYPE_CHECKING:
    from ..reports.result import Result

RUNNER: Final = "GITHUB_ACTIONS"
"""Variable that GitHub's runner sets to `true`."""
_WANTED: Final = "banstorm.annotations"


def option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flag, for a command that ends in a verdict."""
    return click.option(
        "--annotations",
        is_flag=True,
        expose_value=False,
        callback=_note,
        help="Print an annotation for GitHub's job page for each limit that broke; the default inside its runner.",
    )(command)


def _note(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's own signature
    context.meta[_WANTED] = value or os.environ.get(RUNNER) == "true"


def annotate(result: Result) -> None:
    """Print the annotations of a run, where the command at hand was asked for them."""
    context = click.get_current_context(silent=True)
    if context is None or not context.meta.get(_WANTED):
        return
    from ..reports.annotations import annotations_of

    tell(sys.stdout, annotations_of(result))
