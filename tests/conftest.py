"""Skips that hide nothing: what needs a program from Debian skips with a reason, and fails where CI says so."""

from __future__ import annotations

import os
import shutil

import pytest

PROGRAMS = ("chromium", "curl", "promtool")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `debian` skip without its programs, unless BANSTORM_CI is set: there they must be present."""
    missing = [each for each in PROGRAMS if shutil.which(each) is None]
    if not missing or os.environ.get("BANSTORM_CI"):
        return
    skip = pytest.mark.skip(reason=f"needs {', '.join(missing)} (scripts/install-debian.sh installs it)")
    for item in items:
        if item.get_closest_marker("debian"):
            item.add_marker(skip)
