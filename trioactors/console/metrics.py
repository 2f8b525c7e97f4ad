"""The figures of a system as Prometheus metrics. They do not contain names of actors, since each would become a time series.

The text format is written here: it is three lines for a metric, and no client library is needed for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from trioactors.console.heads import Answer
from trioactors.inspect import Figures, figures
from trioactors.messaging.ledger import Ledger
from trioactors.system.system import System

__all__ = ["Metric", "exposition", "metrics"]

_KIND: Final = "text/plain; version=0.0.4; charset=utf-8"
_NOW: Final = {"in_progress": "Messages being handled or waiting for their commit.", "waiting": "Waiting messages."}


@attrs.frozen
class Metric:
    """A number, and what it means. A counter only ever grows, and its name ends in `_total`."""

    name: str
    about: str
    value: float

    @property
    def kind(self) -> str:
        """The type in the text format."""
        return "counter" if self.name.endswith("_total") else "gauge"


def metrics(system: System) -> Answer:
    """The answer to Prometheus."""
    return Answer(200, exposition(_metrics(figures(system))).encode(), _KIND)


def exposition(known: Iterable[Metric]) -> str:
    """The metrics in the text format. Names and texts must be in one line of printable ASCII without backslashes."""
    return "".join(
        f"# HELP {each.name} {each.about}\n# TYPE {each.name} {each.kind}\n{each.name} {float(each.value)!r}\n" for each in known
    )


def _metrics(known: Figures) -> Iterator[Metric]:
    yield Metric("trioactors_children", "Children of all supervisors.", known.children)
    yield Metric("trioactors_actors", "Actors in the system.", known.actors)
    yield Metric("trioactors_children_down", "Children that are not running.", known.down)
    yield Metric("trioactors_actors_busy", "Actors that handle a message or have messages waiting.", known.busy)
    yield Metric("trioactors_restarts", "Restarts of all children in the system.", known.restarts)
    yield Metric("trioactors_failures_total", "Failures of children.", known.failures)
    yield Metric("trioactors_mailbox_wait_seconds", "Time that the oldest call or tick has waited.", known.mailbox_wait)
    if known.loop_lag is not None:
        yield Metric("trioactors_loop_lag_seconds", "Longest time that one task blocked the event loop recently.", known.loop_lag)
    yield Metric("trioactors_store_broken", "Whether the store must be reopened.", known.store_broken)
    yield Metric("trioactors_dead_letters_total", "Messages that could not be delivered.", known.dead_letters)
    for field in attrs.fields(Ledger):
        value = getattr(known.ledger, field.name)
        if field.name in _NOW:
            yield Metric(f"trioactors_messages_{field.name}", _NOW[field.name], value)
        else:
            yield Metric(f"trioactors_messages_{field.name}_total", f"Messages {field.name.replace('_', ' ')}.", value)
