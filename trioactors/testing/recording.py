"""Assertions on emitted trace records, after the fact."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

from trioactors.system.system import System
from trioactors.trace.observers import Recorder
from trioactors.trace.records import TraceRecord

__all__ = ["emitted"]

Kind = TypeVar("Kind", bound=TraceRecord)


@contextmanager
def emitted(system: System, kind: type[Kind], **fields: object) -> Generator[list[Kind], None, None]:
    """Check, at the end of the block, that a record of *kind* with these *fields* was emitted in it. The list then holds them.

        with emitted(system, MessageHandled, child="counter", handler="add") as found:
            await counter.add()

    End the block with a completed operation (a call, `flush`, `quiesce`); do not wait for the record.
    """
    recorder = Recorder()
    found: list[Kind] = []
    system.observe(recorder)
    try:
        yield found
    finally:
        system.unobserve(recorder)
    found += [r for r in recorder.of(kind) if all(getattr(r, name) == value for name, value in fields.items())]
    if not found:
        seen = "\n  ".join(repr(record) for record in recorder) or "nothing"
        wanted = ", ".join(f"{name}={value!r}" for name, value in fields.items())
        raise AssertionError(f"no {kind.__name__}({wanted}) was emitted. Emitted:\n  {seen}")
