"""An internal error of the provider."""

from __future__ import annotations

from .spoken_wait import SpokenWait


class ServerError(SpokenWait):
    """Refuse every request with the vendor's internal error."""

    failure_kind = "server_error"


FAULT = ServerError
