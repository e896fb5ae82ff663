"""How deep a request's JSON is nested: it can be read deeper (1,024 levels) than written again (254)."""

from __future__ import annotations

from typing import Any, Final

LEVELS_MAX: Final = 200
"""Levels of nesting of a request that is looked at; room is left for what an answer puts around a part of it."""


def is_deeper(body: bytes, document: Any, levels: int = LEVELS_MAX) -> bool:
    """Whether `document`, the JSON of `body`, is nested deeper than `levels`."""
    if len(body) <= 2 * levels or body.count(b"{") + body.count(b"[") <= levels:  # nearly every request
        return False
    layer = [document]
    while layer and levels:
        layer = [
            value
            for container in layer
            for value in (container.values() if isinstance(container, dict) else container)
            if isinstance(value, dict | list)
        ]
        levels -= 1
    return bool(layer)
