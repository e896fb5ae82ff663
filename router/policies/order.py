"""Order: which provider is asked first, and who comes next. It never leaves anybody out but by what they can't do.

`ORDERS` names them for the configuration. Each is asked once a call.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ..lane import Lane
from ..messages import LLMRequest
from ..money import estimate_input


class Order(Protocol):
    """Puts the lanes in the order in which a call should ask them."""

    def arrange(self, lanes: Sequence[Lane], request: LLMRequest) -> Sequence[Lane]:
        """All lanes, best first."""
        ...


class Priority:
    """As configured: the first one that is up."""

    def arrange(self, lanes: Sequence[Lane], request: LLMRequest) -> Sequence[Lane]:  # noqa: ARG002 - see Order
        """The lanes as they are."""
        return lanes


class FirstOnly:
    """`fallback: false`: the first provider, and nobody else."""

    def arrange(self, lanes: Sequence[Lane], request: LLMRequest) -> Sequence[Lane]:  # noqa: ARG002 - see Order
        """The first lane alone."""
        return lanes[:1]


class RoundRobin:
    """Everybody in turn; who comes next in turn is also who is asked next if one fails."""

    def __init__(self) -> None:
        self._turn = -1

    def arrange(self, lanes: Sequence[Lane], request: LLMRequest) -> Sequence[Lane]:  # noqa: ARG002 - see Order
        """The lanes, beginning one further than the last time."""
        if not lanes:
            return lanes
        # A turn passes by those who are out, or their neighbour would get their share on top of its own.
        up = [place for place, lane in enumerate(lanes) if lane.available() and not lane.draining] or list(
            range(len(lanes))
        )
        self._turn += 1
        start = up[self._turn % len(up)]
        return [*lanes[start:], *lanes[:start]]


class Weighted:
    """By chance, in proportion to the providers' weights; a weight of 0 is for when nobody else is left.

    Args:
        draw: A number in [0, 1).
    """

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw

    def arrange(self, lanes: Sequence[Lane], request: LLMRequest) -> Sequence[Lane]:  # noqa: ARG002 - see Order
        """Drawn one after another, so the second place is drawn among those who remain."""
        left, ordered = list(lanes), []
        while left:
            point = self._draw() * sum(lane.provider.profile.weight for lane in left)
            chosen = left[-1] if point else left[0]
            for lane in left:
                point -= lane.provider.profile.weight
                if point < 0:
                    chosen = lane
                    break
            left.remove(chosen)
            ordered.append(chosen)
        return ordered


class LeastLatency:
    """Whose attempts took the least time lately; who has none to show comes first, to be measured."""

    def arrange(self, lanes: Sequence[Lane], request: LLMRequest) -> Sequence[Lane]:  # noqa: ARG002 - see Order
        """Quickest first, equals as configured."""
        return sorted(lanes, key=lambda lane: lane.pace.usual_s)


class Cheapest:
    """Whose tokens cost least, three of input for one of output; who has no price comes last."""

    def arrange(self, lanes: Sequence[Lane], request: LLMRequest) -> Sequence[Lane]:
        """Cheapest first for a prompt of this length, equals as configured."""
        # A prompt is measured only where its length can matter.
        long = any(lane.price is not None and lane.price.long is not None for lane in lanes)
        tokens = estimate_input(request) if long else 0
        return sorted(lanes, key=lambda lane: lane.price.blended_for(tokens) if lane.price else float("inf"))


class Capable:
    """Leaves out who can't do what the request needs (`tools`, `json`, `images`), unless that is everybody.

    Args:
        order: Arranges those who can.
    """

    def __init__(self, order: Order) -> None:
        self._order = order

    def arrange(self, lanes: Sequence[Lane], request: LLMRequest) -> Sequence[Lane]:
        """Those who can, in the other order's sequence."""
        if all(lane.provider.profile.capabilities is None for lane in lanes):
            return self._order.arrange(lanes, request)
        needed = needs(request)
        able = [lane for lane in lanes if (can := lane.provider.profile.capabilities) is None or needed <= can]
        return self._order.arrange(able or lanes, request)


def needs(request: LLMRequest) -> frozenset[str]:
    """What a provider has to be able to do to serve this."""
    found = set()
    if request.tools:
        found.add("tools")
    if request.wants_json:
        found.add("json")
    for message in request.messages or ():
        content = message.get("content")
        if isinstance(content, list) and any(part.get("type") == "image_url" for part in content):
            found.add("images")
    return frozenset(found)


ORDERS: Mapping[str, Callable[[], Order]] = {
    "priority": Priority,
    "round_robin": RoundRobin,
    "weighted": Weighted,
    "least_latency": LeastLatency,
    "cheapest": Cheapest,
}
"""By their names in the configuration; each is wrapped in `Capable`."""
