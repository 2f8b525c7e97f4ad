"""The figures of a system as Prometheus metrics. They do not contain names of actors, since each would become a time series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from trioactors.console.heads import Answer
from trioactors.environment.extras import prometheus
from trioactors.inspect import Figures, figures
from trioactors.messaging.ledger import Ledger
from trioactors.system.system import System

__all__ = ["metrics"]

_NOW = {"in_progress": "Messages being handled or waiting for their commit.", "waiting": "Waiting messages."}


class _Collector:
    """The metrics of one request by Prometheus; nothing is kept between requests."""

    def __init__(self, known: Figures, core: Any) -> None:
        self._figures = known
        self._core = core

    def collect(self) -> Iterator[Any]:
        """Yield every metric with its value."""
        known, gauge, counter = self._figures, self._core.GaugeMetricFamily, self._core.CounterMetricFamily
        yield gauge("trioactors_children", "Children of all supervisors.", value=known.children)
        yield gauge("trioactors_actors", "Actors in the system.", value=known.actors)
        yield gauge("trioactors_children_down", "Children that are not running.", value=known.down)
        yield gauge("trioactors_actors_busy", "Actors that handle a message or have messages waiting.", value=known.busy)
        yield gauge("trioactors_restarts", "Restarts of all children in the system.", value=known.restarts)
        yield counter("trioactors_failures", "Failures of children.", value=known.failures)
        yield gauge("trioactors_mailbox_wait_seconds", "Time that the oldest call or tick has waited.", value=known.mailbox_wait)
        if known.loop_lag is not None:
            yield gauge(
                "trioactors_loop_lag_seconds", "Longest time that one task blocked the event loop recently.", value=known.loop_lag
            )
        yield gauge("trioactors_store_broken", "Whether the store must be reopened.", value=int(known.store_broken))
        yield counter("trioactors_dead_letters", "Messages that could not be delivered.", value=known.dead_letters)
        for field in attrs.fields(Ledger):
            value = getattr(known.ledger, field.name)
            if field.name in _NOW:
                yield gauge(f"trioactors_messages_{field.name}", _NOW[field.name], value=value)
            else:
                yield counter(f"trioactors_messages_{field.name}", f"Messages {field.name.replace('_', ' ')}.", value=value)


def metrics(system: System) -> Answer:
    """The answer to Prometheus. Raises `SpecError` if the package `prometheus_client` is missing."""
    library = prometheus()
    registry = library.CollectorRegistry(auto_describe=False)
    registry.register(_Collector(figures(system), library.core))
    return Answer(200, library.generate_latest(registry), str(library.CONTENT_TYPE_LATEST))
