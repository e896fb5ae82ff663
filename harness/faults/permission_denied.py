"""The key is good, but may not do this."""

from __future__ import annotations

from .spoken import Spoken


class PermissionDenied(Spoken):
    """Refuse every request with the vendor's 403: the credential lacks a permission."""

    failure_kind = "permission_denied"


FAULT = PermissionDenied
