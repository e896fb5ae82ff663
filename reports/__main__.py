"""``python -P -m banstorm.reports FOLDER``: judge a run again and write its report again."""

from __future__ import annotations

import sys
from pathlib import Path

from .errors import ReportError
from .render import report


def main(arguments: list[str]) -> int:
    """The verdict's sentence on standard output; 0 when the report was made, 2 when it could not be."""
    if len(arguments) != 1:
        print("usage: python -P -m banstorm.reports FOLDER", file=sys.stderr)  # noqa: T201 - a command speaks
        return 2
    try:
        result = report(Path(arguments[0]))
    except ReportError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command speaks
        return 2
    print(f"{result.verdict.value}: {result.sentence}")  # noqa: T201 - a command speaks
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
