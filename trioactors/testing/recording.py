"""Assert on what was emitted, after it happened."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from trioactors.trace.observers import Recorder
from trioactors.trace.records import TraceRecord

if TYPE_CHECKING:
    from trioactors.system.system import System

__all__ = ["emitted"]

Kind = TypeVar("Kind", bound=TraceRecord)


@contextmanager
def emitted(system: System, kind: type[Kind], **fields: object) -> Generator[list[Kind], None, None]:
    """Check, when the block is over, that a record of *kind* with these *fields* was emitted in it; the list then holds them.

    Let the block end with something that is over (a call, `flush`, `quiesce`), not with a wait for the record.
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
