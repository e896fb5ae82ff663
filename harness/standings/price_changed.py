"""A model's price changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from .base import Effect, Place, Standing, Used

if TYPE_CHECKING:
    from ...fakes.dialects.base import Ask

_BILLED = frozenset({"chat", "embeddings"})


class PriceChanged(Standing):
    """Bill at other prices: a multiple of the list price, or US dollars per million tokens.

    It is about every model of the provider, or about `model` alone. A request costs what holds when its answer is over.
    No request is refused, so nothing but the bill tells.
    """

    phase: ClassVar[str] = "prices"
    selectors: ClassVar[frozenset[str]] = frozenset({"model"})
    bites = "those that are answered while it holds, since they are billed at it"

    factor: float | None = Field(default=None, gt=0, le=1000, description="multiple of the list price")
    input: float | None = Field(default=None, ge=0, le=1e6, description="USD per million tokens of the prompt")
    cached: float | None = Field(default=None, ge=0, le=1e6, description="USD per million cached ones; input if absent")
    output: float | None = Field(default=None, ge=0, le=1e6, description="USD per million tokens of the answer")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        absolute = self.input is not None and self.output is not None
        parts = any(each is not None for each in (self.input, self.cached, self.output))
        if (self.factor is not None) == parts or (parts and not absolute):
            raise ValueError("a price is changed by a factor, or to input and output: give factor, or both of these")
        return self

    def begin(self, place: Place) -> Effect:
        """Bill by it from now on."""
        return _Repriced(self, place)


class _Repriced(Effect):
    def __init__(self, change: PriceChanged, place: Place) -> None:
        super().__init__(place)
        self._change = change

    def _concerns(self, model: str) -> bool:
        return self.place.entry.model is None or self.place.entry.model == model

    def shows(self, ask: Ask) -> bool:
        """Whether the answer is billed at it."""
        return ask.operation in _BILLED and self._concerns(ask.model)

    def price(self, used: Used, listed: tuple[float, bool]) -> tuple[float, bool] | None:
        """The new price."""
        if not self._concerns(used.model):
            return None
        change = self._change
        if change.factor is not None:
            usd, priced = listed
            return usd * change.factor, priced
        fresh, cached = change.input or 0.0, change.input if change.cached is None else change.cached
        usd = (used.input_tokens - used.cached_tokens) * fresh + used.cached_tokens * (cached or 0.0)
        return (usd + used.output_tokens * (change.output or 0.0)) / 1e6, True


STANDING = PriceChanged
