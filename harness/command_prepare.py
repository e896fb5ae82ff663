"""What `banstorm prepare` does: installs targets ahead of time, so that runs and machines without network find them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from .errors import HarnessError
from .exitcode import Exit
from .lines import tell
from .targets._choice import choose, named
from .targets._program import ProgramTarget
from .targets.base import Options


def prepare(names: Sequence[str]) -> int:
    """Install the targets of these names, all of them if none is given; the exit code.

    One that can't be installed never keeps the others from it.

    Raises:
        HarnessError: when there is no target of a name.
    """
    chosen = [choose(name, Options()) for name in names or named()]
    failed = [target.name for target in chosen if not asyncio.run(_prepare(target))]
    return Exit.USAGE if failed else Exit.PASS


async def _prepare(target: object) -> bool:
    """Install one; whether it is there now."""
    if not isinstance(target, ProgramTarget):
        return True
    try:
        await target.prepare(lambda what: tell(sys.stdout, [what]))
    except HarnessError as error:
        tell(sys.stderr, [str(error)])
        return False
    where = "" if target.installation is None else f" in {target.installation.folder}"
    tell(sys.stdout, [f"ready: {target.detail}{where}"])
    return True
