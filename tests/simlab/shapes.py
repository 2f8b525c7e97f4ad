"""The shape of a run: what happened when, without texts, to compare runs across changes of wording or class names."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

import trioactors as ta
from trioactors.testing.simulation import Simulation
from trioactors.trace import TraceRecord

__all__ = ["shape"]

_NAMES = frozenset({"handler", "sender"})
"""The fields of records that hold names of the application."""


def shape(simulation: Simulation) -> Iterator[str]:
    """One line for each record, fault, operation and effect of the run."""
    for life, record in simulation.trace:
        yield f"{life} {record.time!r} {record.child} {' '.join(_fields(record))}"
    for time, injection in simulation.injected:
        yield f"{time!r} {injection.kind.value} {injection.at}"
    for done in simulation.history:
        yield f"{done.id} {done.began!r} {done.ended!r} {done.told.value} {_plain(done.answer)} {done.error is None}"
    yield from simulation.effects


def _fields(record: TraceRecord) -> Iterator[str]:
    for field in attrs.fields(type(record)):
        value: object = getattr(record, field.name)
        if field.name in _NAMES:
            yield f"{field.name}={value}"
        elif not field.inherited:
            yield f"{field.name}={_plain(value)}"


def _plain(value: object) -> str:
    """Numbers and collections of them as text; for an exit, its kind."""
    if isinstance(value, ta.Exit):
        return value.kind.value
    if isinstance(value, tuple | list):
        return f"({' '.join(map(_plain, value))})"
    return repr(value) if value is None or isinstance(value, int | float) else ""
