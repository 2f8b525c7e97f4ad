"""The audit log: who did what through a console, how it ended and how long it took.

It is kept in memory with the system, so it survives a restart of its console, and each entry is also logged to `trioactors.console.audit`:
once when the action is requested, so that an action that ends the process is on record, and once when it has ended. The last entries are
kept. Requests that a role does not allow have a place of their own, or a viewer could push the others out.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import attrs
import trio

from trioactors.console.access import Role
from trioactors.errors import TrioactorsError, UsageError
from trioactors.system.system import System, runtime_of
from trioactors.trace.formatting import described

__all__ = ["AuditEntry", "AuditLog", "AuditPage", "Client", "NotAllowed", "audit_of"]

_log = logging.getLogger("trioactors.console.audit")

_KEPT: Final = 1_000
_REFUSED: Final = 100
"""Entries kept: actions, and requests that a role did not allow."""
_TEXT: Final = 500
"""Longest options or error of an entry, in characters."""
_LOST: Final = "the connection was lost, or the console stopped, before the end; it may have been done"


class NotAllowed(UsageError):
    """The viewer's role does not allow the request."""


@attrs.frozen
class Client:
    """The sender of a request."""

    address: str
    role: Role


@attrs.frozen(kw_only=True)
class AuditEntry:
    """One action."""

    number: int
    """Counted from 0 since the system was opened."""
    time: float
    """When it was requested, on Trio's clock."""
    wall_time: float
    """The same moment on the wall clock, in seconds since 1970."""
    address: str
    role: str
    action: str
    options: str
    """Its options in short, without secrets."""
    outcome: str = "running"
    """`running`, `done`, `failed`, `refused` (not allowed), or `unknown`: the connection was lost before the end."""
    error: str = ""
    """Why it failed."""
    seconds: float | None = None
    """How long it took."""


@attrs.frozen(kw_only=True)
class AuditPage:
    """One page of the audit log, newest first."""

    total: int
    """Entries that are kept."""
    lost: int
    """Older entries that are no longer kept."""
    matched: int
    rows: tuple[AuditEntry, ...]


@attrs.define(eq=False)
class AuditLog:
    """The audit log of one system."""

    _now: Callable[[], float] = attrs.field(alias="now", repr=False)
    _wall_clock: Callable[[], float] = attrs.field(alias="wall_clock", repr=False)
    count: int = attrs.field(default=0, init=False)
    """The number of all entries so far."""
    _kept: deque[AuditEntry] = attrs.field(factory=lambda: deque[AuditEntry](maxlen=_KEPT), init=False, repr=False)
    _refused: deque[AuditEntry] = attrs.field(factory=lambda: deque[AuditEntry](maxlen=_REFUSED), init=False, repr=False)
    _running: dict[int, AuditEntry] = attrs.field(factory=dict[int, AuditEntry], init=False, repr=False)

    @contextmanager
    def recording(self, client: Client, action: str, options: object) -> Generator[None, None, None]:
        """Record the action that this block carries out, and its outcome. What *options* spells may become more precise meanwhile."""
        entry = AuditEntry(
            number=self.count,
            time=self._now(),
            wall_time=self._wall_clock(),
            address=client.address,
            role=client.role.value,
            action=_line(action),
            options=_line(repr(options)),
        )
        self.count += 1
        self._running[entry.number] = entry
        _log.warning("%s (%s): %s %s", entry.address, entry.role, entry.action, entry.options)
        outcome, error = "failed", "it raised an error, which is logged"
        try:
            yield
            outcome, error = "done", ""
        except TrioactorsError as problem:
            outcome, error = "refused" if isinstance(problem, NotAllowed) else "failed", _line(described(problem))
            raise
        except trio.Cancelled:
            outcome, error = "unknown", _LOST
            raise
        finally:
            self._ended(attrs.evolve(entry, options=_line(repr(options)), outcome=outcome, error=error))

    def _ended(self, entry: AuditEntry) -> None:
        del self._running[entry.number]
        (self._refused if entry.outcome == "refused" else self._kept).append(attrs.evolve(entry, seconds=self._now() - entry.time))
        said = "done" if entry.outcome == "done" else f"{'failed' if entry.outcome == 'refused' else entry.outcome}: {entry.error}"
        _log.warning("%s (%s): %s %s %s", entry.address, entry.role, entry.action, entry.options, said)

    def page(self, *, action: str | None = None, outcome: str | None = None, limit: int = 100, offset: int = 0) -> AuditPage:
        """A page of the entries, newest first, optionally only those with *action* or *outcome*."""
        entries = sorted([*self._kept, *self._refused, *self._running.values()], key=lambda entry: entry.number)
        found = [
            entry
            for entry in entries
            if (action is None or entry.action == action) and (outcome is None or entry.outcome == outcome)
        ]
        rows = tuple(found[::-1][offset : offset + limit])
        return AuditPage(total=len(entries), lost=self.count - len(entries), matched=len(found), rows=rows)


def audit_of(system: System) -> AuditLog:
    """The audit log of *system*."""
    runtime = runtime_of(system)
    found = runtime.attachments.get(AuditLog)
    if not isinstance(found, AuditLog):
        found = runtime.attachments[AuditLog] = AuditLog(now=runtime.now, wall_clock=runtime.environment.wall_clock)
    return found


def _line(text: str) -> str:
    """*text* in one printable line of limited length: text from a client must not forge a log entry."""
    line = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text[:_TEXT]
    )
    return line if len(text) <= _TEXT else f"{line}\u2026"
