"""The failure table, a file a dialect: from what a provider said to what it means.

A dialect's rows come first, then `common.py`'s, and the first row that fits wins. The rules that every row keeps:

- Codes come before words. Words are a vendor's own and begin where the message begins: a message that repeats what the
  caller wrote ("Invalid value: 'organization has been disabled'") must never be taken for the vendor's verdict.
- A row without codes and words goes by the status alone, and stands in `common.py`.
- Nothing here deletes anything. On some days valid credentials are refused for an hour, so what is permanent is still
  probed.

A dialect without a file of its own has the common rows alone.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from .common import ROWS as COMMON
from .row import Position, Row

__all__ = ["Position", "Row", "reasons", "rows_for"]

_PARTS = frozenset({"common", "row"})

# What the router sees without being told, by the same names.
_OTHER_REASONS = (
    "connect", "disconnected", "timeout_connect", "timeout_first_token", "timeout_between_tokens", "timeout_answer",
    "deadline", "stream_cut", "malformed_event", "unknown_error", "gateway_page", "redirect",
    "drift_content_type", "drift_not_json", "drift_fields", "drift_empty", "drift_json_answer", "drift_too_large",
    "drift_schema", "drift_no_call", "drift_cut_short", "repeated_event", "not_contiguous",
    "not_offered", "outcome_unknown", "edge_blocked", "service_error",
)  # fmt: skip


@cache
def rows_for(dialect: str) -> tuple[Row, ...]:
    """A dialect's own rows, and after them those that hold for everyone."""
    if dialect in _PARTS or dialect not in _files():
        return COMMON
    own: tuple[Row, ...] = importlib.import_module(f".{dialect}", __name__).ROWS
    return (*own, *COMMON)


@cache
def reasons() -> frozenset[str]:
    """Every reason there is: what bounds the `reason` label of the metrics."""
    named = {row.reason for dialect in (*_files(), "") for row in rows_for(dialect)}
    return frozenset(named) | frozenset(_OTHER_REASONS)


@cache
def _files() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _PARTS))
