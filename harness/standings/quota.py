"""Limits a minute and a day: real buckets, which refuse when they are empty."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from ...fakes.account import LIMITED
from ...fakes.quota import Limits, Quota, Refusal
from .base import Effect, Place, Standing

if TYPE_CHECKING:
    from ...fakes.dialects.base import Ask, Headers


def _figure(what: str) -> float | None:
    description = f"{what}; null for no limit"
    return Field(default=None, gt=0, allow_inf_nan=False, description=description)


class QuotaLimits(Standing):
    """Give each key a quota, a bucket each for requests and tokens: the 429s come once one is empty, not by dice.

    Buckets are full at the start and fill steadily; each key and model has its own. Rate-limit headers tell the true
    figures. `model` limits that model alone, `credential` that key alone.
    """

    phase: ClassVar[str] = "quota"
    selectors: ClassVar[frozenset[str]] = frozenset({"credential", "model"})
    failure_kinds: ClassVar[tuple[str, ...]] = ("rate_limited",)
    bites = "those that it refuses; one that nobody uses up bites nothing, so the run proves nothing"

    requests_per_minute: float | None = _figure("requests a minute")
    requests_per_day: float | None = _figure("requests a day")
    tokens_per_minute: float | None = _figure("tokens a minute, of prompts and answers together")
    tokens_per_day: float | None = _figure("tokens a day, of prompts and answers together")
    input_tokens_per_minute: float | None = _figure("tokens of prompts a minute")
    output_tokens_per_minute: float | None = _figure("tokens of answers a minute")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if all(value is None for value in self.model_dump().values()):
            raise ValueError(f"a quota needs a limit: {_or(type(self).model_fields)}")
        return self

    def begin(self, place: Place) -> Effect:
        """Begin with full buckets."""
        quota = Quota(place.failures, clock=place.clock, vendor=place.accounts.quota.vendor.name)
        limits = Limits(**self.model_dump())
        quota.set(limits, credential=place.entry.credential, model=place.entry.model, entry=place.id)
        return _Limited(place, quota)


def _or(names: Iterable[str]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} or {last}"


class _Limited(Effect):
    def __init__(self, place: Place, quota: Quota) -> None:
        super().__init__(place)
        self._quota = quota

    def refuse(self, credential: str, ask: Ask) -> Refusal | None:
        """Take the request out of its buckets, or refuse it."""
        return self._quota.admit(credential, ask.model, ask.input_tokens) if ask.operation in LIMITED else None

    def settle(self, credential: str, ask: Ask, produced_tokens: int, usd: float) -> None:
        """Take what was produced out of the buckets."""
        if ask.operation in LIMITED:
            self._quota.settle(credential, ask.model, produced_tokens, usd)

    def headers(self, credential: str, ask: Ask, headers: Headers) -> Headers:
        """Tell the buckets' figures."""
        return self._quota.headers(credential, ask.model, headers) if ask.operation in LIMITED else headers


STANDING = QuotaLimits
