"""A failure among canned answers, tried out when the file is loaded: words that a vendor doesn't have come to light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .canned_document import CannedError, Spot, nearest
from .canned_rule import Fail
from .dialects.base import Dialect, UnknownFailureError

DETAILS: Final = frozenset({"code", "limit", "message", "model", "param", "reason", "retry_after", "type", "variant"})
"""Details that are common; what is misspelt is compared with them."""
_TRIAL_SEED: Final = 7


def failure(spot: Spot, dialects: Mapping[str, Dialect]) -> Fail:
    """The failure at `spot`: a kind, or a mapping of `kind` and details.

    Args:
        spot: Where it stands.
        dialects: The providers it may be meant for; those that have it are kept.

    Raises:
        CannedError: when none has that failure, or a detail has no effect with any of them.
    """
    fields: dict[str, Spot] = spot.value if isinstance(spot.value, dict) else {"kind": spot}
    kind = fields.get("kind", spot)
    if not isinstance(kind.value, str):
        raise kind.wrong("a kind of failure", "write `failure: rate_limited`, or a mapping with `kind`")
    able = {name: dialect for name, dialect in dialects.items() if kind.value in dialect.failures}
    if not able:
        everything = {each for dialect in dialects.values() for each in dialect.failures}
        raise CannedError(
            f"no failure {kind.value!r} with {', '.join(dialects)}", kind.where(), nearest(kind.value, everything)
        )
    details = {key: each for key, each in fields.items() if key != "kind"}
    for each in details.values():
        if not isinstance(each.value, str | int | float):
            raise each.wrong("a text or a number", "write it plainly")
    values = {key: each.value for key, each in details.items()}
    for name, dialect in able.items():
        _try(name, dialect, kind, details, values)
    for key, each in details.items():
        if not any(_matters(dialect, kind.value, values, key) for dialect in able.values()):
            raise CannedError(
                f"{kind.value!r} takes no detail {key!r} with {', '.join(able)}",
                each.where(),
                nearest(key, DETAILS - details.keys()),
            )
    return Fail(kind.value, values, able)


def _try(name: str, dialect: Dialect, kind: Spot, details: Mapping[str, Spot], values: Mapping[str, Any]) -> None:
    """Say the failure once, so that no caller is the first to find out that it can't be said."""
    advice = "mend the details, or name one provider in `when`"
    try:
        reply = dialect.failure(kind.value, values, id_seed=_TRIAL_SEED)
    except UnknownFailureError as error:  # a variant it doesn't have
        raise CannedError(str(error), details.get("variant", kind).where(), advice) from error
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise CannedError(f"{name}'s {kind.value!r} can't be said so: {error}", kind.where(), advice) from error
    for header, value in reply.headers:
        if not value.isprintable() or not value.isascii():
            raise CannedError(f"{name} would send the header {header!r} as {value!r}", kind.where(), advice)


def _matters(dialect: Dialect, kind: str, values: Mapping[str, Any], key: str) -> bool:
    """Whether a detail changes the failure at all: by being there, or by its value."""
    said = dialect.failure(kind, values, id_seed=_TRIAL_SEED)
    without = {name: value for name, value in values.items() if name != key}
    value = values[key]
    other = f"{value}x" if isinstance(value, str) else value + 1
    for changed in (without, {**values, key: other}):
        try:
            if dialect.failure(kind, changed, id_seed=_TRIAL_SEED) != said:
                return True
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return True
    return False
