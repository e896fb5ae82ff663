"""A canned answer from what a test says in Python, checked as a file of canned answers is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..fakes.canned import CannedAnswers
from ..fakes.canned_document import Spot

if TYPE_CHECKING:
    from ..fakes.canned_rule import Rule
    from ..fakes.dialects.base import Dialect


def rule(said: Mapping[str, Any], place: int, provider: str, dialect: Dialect) -> Rule:
    """The rule that says what is not None of `said`, which has the keys of a canned answer.

    Args:
        said: What the test says.
        place: How many rules the provider has: ids differ between rules.
        provider: The provider's name.
        dialect: Its dialect.

    Raises:
        CannedError: at the first mistake.
    """
    where = f"{provider}.answer(…)"
    given = {key: value for key, value in said.items() if value is not None}
    document = Spot([_spot(given, where, "")], where, 0, "")
    (made,) = CannedAnswers.build(document, {provider: dialect}).rules
    made.place = place
    return made


def _spot(value: Any, where: str, path: str) -> _Said:
    if isinstance(value, Mapping):
        inside: Any = {key: _spot(each, where, f"{path}.{key}".lstrip(".")) for key, each in value.items()}
    elif isinstance(value, list | tuple):
        inside = [_spot(each, where, f"{path}[{place}]") for place, each in enumerate(value)]
    else:
        inside = value
    return _Said(inside, where, 0, path)


class _Said(Spot):
    """A value that stands in no file."""

    __slots__ = ()

    def where(self) -> str:
        """The call, and the argument's path."""
        return self.file + (f", {self.path}" if self.path else "")
