"""The figures of a system in the form of Prometheus. No names of actors are in them: they would make a time series each."""

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

_NOW = {"in_progress": "Messages that are being handled, or wait for their commit.", "waiting": "Messages that wait."}


class _Collector:
    """What is told when Prometheus asks; nothing is kept in between."""

    def __init__(self, known: Figures, core: Any) -> None:
        self._figures = known
        self._core = core

    def collect(self) -> Iterator[Any]:
        """Every metric with its value."""
        known, gauge, counter = self._figures, self._core.GaugeMetricFamily, self._core.CounterMetricFamily
        yield gauge("trioactors_children", "Children of all supervisors.", value=known.children)
        yield gauge("trioactors_actors", "Actors among them.", value=known.actors)
        yield gauge("trioactors_children_down", "Children that do not run.", value=known.down)
        yield gauge("trioactors_actors_busy", "Actors with something to do.", value=known.busy)
        yield gauge("trioactors_restarts", "Lives after the first, of all children that are known.", value=known.restarts)
        yield counter("trioactors_failures", "Lives that did not end in order.", value=known.failures)
        yield gauge("trioactors_mailbox_wait_seconds", "How long the oldest call or tick has waited.", value=known.mailbox_wait)
        if known.loop_lag is not None:
            yield gauge("trioactors_loop_lag_seconds", "The longest that one task held the loop of late.", value=known.loop_lag)
        yield gauge("trioactors_store_broken", "Whether the store must be opened again.", value=int(known.store_broken))
        yield counter("trioactors_dead_letters", "Messages that could not be delivered.", value=known.dead_letters)
        for field in attrs.fields(Ledger):
            value = getattr(known.ledger, field.name)
            if field.name in _NOW:
                yield gauge(f"trioactors_messages_{field.name}", _NOW[field.name], value=value)
            else:
                yield counter(f"trioactors_messages_{field.name}", f"Messages {field.name.replace('_', ' ')}.", value=value)


def metrics(system: System) -> Answer:
    """The answer to Prometheus. Raises `SpecError` where its package is missing."""
    library = prometheus()
    registry = library.CollectorRegistry(auto_describe=False)
    registry.register(_Collector(figures(system), library.core))
    return Answer(200, library.generate_latest(registry), str(library.CONTENT_TYPE_LATEST))
