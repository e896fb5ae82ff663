"""The user's own terms, by which a run is told in their month: the objective, the volume, the length of an outage."""

from __future__ import annotations

from dataclasses import dataclass

from .manifest import Manifest


@dataclass(frozen=True, slots=True)
class Terms:
    """What the user said of their own traffic; None leaves what the run's folder says."""

    slo: float | None = None  # share of calls that must be good, between 0 and 1
    volume_per_day: float | None = None  # calls
    outage_s: float | None = None  # seconds

    def applied(self, manifest: Manifest) -> Manifest:
        """The manifest with these terms."""
        told = {"slo": self.slo, "volume_per_day": self.volume_per_day, "outage_s": self.outage_s}
        return manifest.model_copy(update={name: value for name, value in told.items() if value is not None})
