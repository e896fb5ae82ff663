"""Order: which provider is asked first, and who comes next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Order(Protocol):
    """Puts the providers in the order in which a call should ask them."""

    def arrange(self, lanes: Sequence[T]) -> Sequence[T]:
        """All lanes, best first."""
        ...


class Priority:
    """As configured: the first one that is up."""

    def arrange(self, lanes: Sequence[T]) -> Sequence[T]:
        """The lanes as they are."""
        return lanes


class FirstOnly:
    """`fallback: false`: the first provider, and nobody else."""

    def arrange(self, lanes: Sequence[T]) -> Sequence[T]:
        """The first lane alone."""
        return lanes[:1]
