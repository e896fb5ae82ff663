"""A gateway's error, as JSON."""

from __future__ import annotations

from .spoken import Spoken


class BadGateway(Spoken):
    """Refuse every request with the JSON error of a gateway before the API, which has no request id."""

    failure_kind = "bad_gateway"


FAULT = BadGateway
