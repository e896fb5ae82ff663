"""`--dialect`: a scenario with all its providers in one dialect, for routers that do not translate."""

from __future__ import annotations

from ..scenarios.document import Document
from .errors import HarnessError


def in_one_dialect(document: Document, dialect: str) -> None:
    """Give every provider of the scenario in `document` that dialect, and the model of the first that has it already.

    Names, paces and the timeline stay; whoever checks the document then sees whether its faults exist in the dialect.

    Raises:
        HarnessError: when no provider of the scenario has it.
    """
    providers = document.data.get("providers") if isinstance(document.data, dict) else None
    if not isinstance(providers, dict):
        return  # checking the document will say so
    told = [each for each in providers.values() if isinstance(each, dict)]
    model = next((each.get("model") for each in told if each.get("dialect") == dialect), None)
    if model is None:
        known = ", ".join(dict.fromkeys(str(each.get("dialect")) for each in told))
        raise HarnessError(f"no provider of the scenario has the dialect {dialect!r}", "--dialect", f"it has: {known}")
    for each in told:
        each.update(dialect=dialect, model=model)
