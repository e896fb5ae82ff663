"""The fault that does nothing: the place to start when writing one.

Copy this file; its name becomes the fault's name. State in the three class variables whether the request reaches the
provider, whether it is billed and what happens to streams in flight. Give every parameter a type that carries its unit
and a description. Then override what the fault needs and nothing else:

- `on_request` decides before the provider is asked: forward (perhaps later), respond in its place, or hang;
- `on_head` changes status and headers of the provider's response;
- `body_filter` changes its body: a stream comes event by event, a plain body comes whole.

When it happens, to which share of the requests, and which of them are meant, is the timeline's business: no fault
looks at a clock or rolls dice. Since this one changes nothing it never bites; its row in the ledger counts what it
matched, which makes it a probe of a selector.
"""

from __future__ import annotations

from .base import Action, Context, Fault, Forward


class Noop(Fault):
    """Let every request through untouched."""

    phase = "none"
    reaches_provider = True
    billed = True

    def on_request(self, context: Context) -> Action:
        """Forward, at once."""
        return Forward()


FAULT = Noop
