"""Sets OpenTelemetry up for the service, if `tracing` asks for it; without the extra nothing of it is touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ConfigError

if TYPE_CHECKING:
    from .access import App
    from .config import Tracing
    from .observer import Observer


@dataclass(frozen=True, slots=True)
class Started:
    """Tracing that was started.

    Attributes:
        spans: Makes the spans.
        around: Puts what takes in the caller's trace in front of an application.
        shutdown: Sends the last spans; blocks for as long as the exporter's own limits allow.
    """

    spans: Observer
    around: Callable[[App], App]
    shutdown: Callable[[], None]


def start_tracing(settings: Tracing) -> Started | None:
    """Start it, if it is enabled.

    Spans are exported over OTLP (HTTP); where to, how often and how many is the SDK's own matter
    (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`).

    Raises:
        ConfigError: It is enabled, but the extra isn't installed.
    """
    if not settings.enabled:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from .tracing import Spans, Traced
    except ImportError as error:
        what = f"tracing needs OpenTelemetry, which isn't installed: {error}"
        raise ConfigError(what, "tracing, enabled", "pip install 'banstorm[otel]'") from None
    provider = TracerProvider(resource=Resource.create({"service.name": settings.service_name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Started(Spans(provider), Traced, provider.shutdown)
