"""How many tokens a model may write, learned from its refusals: after a failover it is a cap nobody knew."""

from __future__ import annotations

import re
from typing import Any

from .errors import Failure

MODELS_MAX = 1000
"""Models whose caps are remembered."""
_CAP = re.compile(
    r"> ([0-9]{1,9}), which is the maximum|supports at most ([0-9]{1,9}) |less than or equal to `?([0-9]{1,9})"
    r"|model limit of ([0-9]{1,9})"
)


class OutputCaps:
    """The caps that one provider's models have told.

    Args:
        most: A cap of all its models, for a server that tells none and ends longer answers by itself.
    """

    def __init__(self, most: int | None = None) -> None:
        self._caps: dict[str, int] = {}
        self._most = most

    def learn(self, failure: Failure, model: str) -> bool:
        """Take note of a refusal; True if it told something new."""
        if failure.reason != "max_tokens_above_cap":
            return False
        found = _CAP.search(failure.message)
        cap = next((int(group) for group in found.groups() if group), 0) if found else 0
        if cap <= 0 or self._caps.get(model) == cap or len(self._caps) >= MODELS_MAX:
            return False
        self._caps[model] = cap
        return True

    def clamp(self, model: str, limit: Any, notes: list[str]) -> Any:
        """An answer limit that this model takes, as far as it has told; a change is noted. What is no number stays."""
        cap = self._caps.get(model, self._most)
        if cap is None or not isinstance(limit, int) or limit <= cap:
            return limit
        notes.append(f"max_tokens clamped to {cap}")
        return cap
