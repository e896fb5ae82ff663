"""Whether every model has a price where something is decided by it: an unknown price would pass every limit unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .config import Config, Provider
from .errors import ConfigError
from .prices import find

SERVICE = "http_service"
"""The dialect without models: what a service costs isn't counted in tokens."""
_HINT = (
    "write `price: {input: …, output: …}` there, in US dollars per million tokens (0 for what costs nothing); "
    "prices.yaml doesn't know that model"
)


def check_prices(config: Config, entry: Provider, where: str) -> None:
    """Check that what one provider costs is known, if a budget or a ceiling counts on it.

    Args:
        config: What is set for all.
        entry: The provider.
        where: Its place in the configuration, for the error.

    Raises:
        ConfigError: One of its models has no price.
    """
    limit = _limit(config, entry)
    if not limit or entry.price is not None or entry.dialect == SERVICE:
        return
    for model in _models(entry):
        if find(model) is None:
            what = f"nobody knows what {model!r} costs at {entry.name!r}, so {limit} can't count it"
            raise ConfigError(what, f"{where}, price", _HINT)


def _limit(config: Config, entry: Provider) -> str:
    if config.budget is not None or entry.budget is not None:
        return "`budget`"
    return "" if config.failover_cost is None else "`failover_cost`"


def _models(entry: Provider) -> Iterator[str]:
    yield entry.model
    yield from entry.models.values()
    offered = entry.options.get("embeddings") or ()
    yield from (str(each) for each in (offered.values() if isinstance(offered, Mapping) else offered))
