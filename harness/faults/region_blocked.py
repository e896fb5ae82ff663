"""Requests from this country or region are refused."""

from __future__ import annotations

from .spoken import Spoken


class RegionBlocked(Spoken):
    """Refuse every request because of the country that it comes from (from Anthropic's edge: a bare 403)."""

    failure_kind = "region_blocked"


FAULT = RegionBlocked
