"""The topics that a viewer can watch. A topic is a function that returns the current value; it is called only when an update is due.

A `Watched` is one viewer's view of a topic. It keeps the value that this viewer was last sent, and each tick returns the messages that lead
on from there: first a snapshot, then differences, nothing if nothing has changed. Nothing is queued: rare ticks mean larger steps.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Final, TypeAlias, cast

import attrs

from trioactors import inspect
from trioactors.console.alerting import handlers_topic
from trioactors.console.audit import audit_of
from trioactors.console.differences import difference
from trioactors.console.lists import LISTS
from trioactors.console.options import Options
from trioactors.console.remembered import REMEMBERED
from trioactors.console.source import Message, Source, Topic
from trioactors.errors import SpecError, TrioactorsError, UsageError
from trioactors.inspect import CommitPage, Marks, Plain, TracePage, plain
from trioactors.inspect.watching import Ring
from trioactors.supervision.restarts import ChildStatusWord
from trioactors.system.system import System, runtime_of
from trioactors.trace import records as trace
from trioactors.trace.formatting import described, traceback_text

__all__ = [
    "KINDS",
    "STREAMS",
    "TOPICS",
    "Newest",
    "NotShown",
    "Read",
    "Stream",
    "Watched",
    "error_fields",
    "failed",
    "shown",
    "watched",
]

_log = logging.getLogger("trioactors.console")

Read: TypeAlias = Callable[[int, int], TracePage | CommitPage]
"""Reads the records from a cursor on, up to a limit."""
Newest: TypeAlias = Callable[[int, int], tuple[int, int]]
"""The cursor of the newest records from a cursor on, up to a limit; and how many are skipped."""

_ROWS: Final = 100

KINDS: Final = tuple(
    name
    for name in trace.__all__
    if isinstance(record := getattr(trace, name), type)
    and issubclass(record, trace.TraceRecord)
    and record not in {trace.TraceRecord, trace.MessageRecord}
)
"""The kinds of trace records."""


class NotShown(UsageError):
    """A value that failed when it was looked at."""


def shown(value: Topic) -> Plain:
    """The value as plain data. Raises `NotShown` if looking at it raises anything: a state's attribute or iteration, even `SystemExit`."""
    try:
        return plain(value())
    except (KeyboardInterrupt, TrioactorsError):
        raise
    except BaseException as error:  # looking must not do anything to the program
        fields = error_fields(error)
        raise NotShown(f"it cannot be shown, because looking at it raised {fields['kind']}: {fields['text']}") from error  # noqa: ASYNC104 - no wait, so no Cancelled


def failed(error: TrioactorsError) -> Message:
    """The error as sent to a viewer. If it is not the viewer's mistake, it is logged, with the traceback."""
    if error.__cause__ is not None and isinstance(error, NotShown):
        _log.error("a viewer asked for what cannot be shown:\n%s", traceback_text(error.__cause__))
    return error_fields(error)


def error_fields(error: BaseException) -> Message:
    """An error as sent to a viewer."""
    return {"kind": type(error).__name__, "text": str(plain(described(error), inspect.STATE_LIMITS))}


# --- topics with a value ---


def _figures(source: Source, _: Options) -> Topic:
    return partial(inspect.figures, source.system)


def _tree(source: Source, options: Options) -> Topic:
    name, children = options.text("name"), options.number("children", 200, most=source.limits.rows)
    return partial(inspect.tree, source.system, name=name, children=children)


def _actors(source: Source, options: Options) -> Topic:
    return partial(
        inspect.actors,
        source.system,
        sort=cast("inspect.SortByWord", options.text("sort") or "name"),
        reverse=options.flag("reverse"),
        search=options.text("search") or "",
        status=cast("ChildStatusWord | None", options.text("status")),
        limit=options.number("limit", _ROWS, most=source.limits.rows),
        offset=options.number("offset", 0, most=10_000_000),
    )


def _actor(source: Source, options: Options) -> Topic:
    waiting = options.number("waiting", _ROWS, most=source.limits.rows)
    return partial(inspect.actor, source.system, options.needed("name"), marks=Marks(), waiting=waiting)


def _failures(source: Source, options: Options) -> Topic:
    name, limit = options.text("name"), options.number("limit", _ROWS, most=_ROWS)  # each has a long report
    return partial(inspect.failures, source.system, name=name, limit=limit, offset=options.number("offset", 0, most=10_000_000))


def _budgets(source: Source, options: Options) -> Topic:
    limit = options.number("limit", source.limits.rows, most=source.limits.rows)
    return lambda: inspect.budgets(source.system)[:limit]


def _dead_letters(source: Source, options: Options) -> Topic:
    page = partial(
        inspect.dead_letters,
        source.system,
        cause=options.text("cause"),
        target=options.text("target"),
        limit=options.number("limit", _ROWS, most=source.limits.rows),
        offset=options.number("offset", 0, most=10_000_000),
    )

    def now() -> object:
        found, resent = page(), runtime_of(source.system).accounts.resent
        return {**attrs.asdict(found, recurse=False), "resent": [row.number for row in found.rows if row.number in resent]}

    return now


def _dead_letter_groups(source: Source, options: Options) -> Topic:
    limit = options.number("limit", _ROWS, most=source.limits.rows)
    return lambda: inspect.dead_letter_groups(source.system)[:limit]


def _durable(source: Source, options: Options) -> Topic:
    page = partial(
        inspect.durable,
        source.system,
        sort=cast("inspect.DurableSortWord", options.text("sort") or "name"),
        reverse=options.flag("reverse"),
        search=options.text("search") or "",
        limit=options.number("limit", _ROWS, most=source.limits.rows),
        offset=options.number("offset", 0, most=10_000_000),
    )
    return lambda: {**attrs.asdict(page(), recurse=False), "quarantine": source.found.get("quarantine", _NOT_ASKED)}


def _audit(source: Source, options: Options) -> Topic:
    return partial(
        audit_of(source.system).page,
        action=options.text("action"),
        outcome=options.text("outcome"),
        limit=options.number("limit", _ROWS, most=source.limits.rows),
        offset=options.number("offset", 0, most=10_000_000),
    )


_NOT_ASKED: Final[Message] = {"total": None, "complete": None, "time": None}

TOPICS: Final[Mapping[str, Callable[[Source, Options], Topic]]] = {
    "figures": _figures,
    "tree": _tree,
    "actors": _actors,
    "actor": _actor,
    "failures": _failures,
    "budgets": _budgets,
    "dead_letters": _dead_letters,
    "dead_letter_groups": _dead_letter_groups,
    "durable": _durable,
    "audit": _audit,
    **REMEMBERED,
    **LISTS,
    "handlers": lambda source, options: handlers_topic(source.system, source.limits.rows, options),
    "alerts": lambda source, _: partial(inspect.alerts, source.system),
}
_COSTS: Final[Mapping[str, Callable[[System, str | None], AbstractContextManager[object]]]] = {
    "figures": lambda system, _: inspect.measured(system),
    "handlers": lambda system, actor: inspect.measuring(system, actor=actor),
}
"""What is measured while a topic is watched, perhaps of one actor."""


class Watched(ABC):
    """One viewer's view of a topic."""

    @abstractmethod
    def messages(self) -> list[Message]:
        """The messages that lead on from what the viewer was last sent."""

    @abstractmethod
    def resync(self) -> None:
        """Start again with a snapshot at the next tick."""

    @contextmanager
    def open(self) -> Generator[Watched, None, None]:
        """Watch while this block is open. Only then does watching cost anything."""
        yield self


class _Value(Watched):
    """A topic with a value: a snapshot, then differences."""

    def __init__(self, topic: Topic, cost: Callable[[], AbstractContextManager[object]]) -> None:
        self._topic = topic
        self._cost = cost
        self._sent: Plain = None
        self._fresh = True
        self._failed: Message | None = None

    @contextmanager
    def open(self) -> Generator[Watched, None, None]:
        """Take the measurements that the topic needs while this block is open."""
        with self._cost():
            yield self

    def messages(self) -> list[Message]:
        """A snapshot, a difference, a new failure, or nothing."""
        try:
            value = shown(self._topic)
        except TrioactorsError as error:
            return self._failure(error)
        self._failed = None
        sent, self._sent = self._sent, value
        if self._fresh:
            self._fresh = False
            return [{"type": "snapshot", "value": value}]
        change = difference(sent, value)
        return [] if change is None else [{"type": "difference", "change": change}]

    def _failure(self, error: TrioactorsError) -> list[Message]:
        known, self._failed, self._fresh = self._failed, error_fields(error), True
        return [] if known == self._failed else [{"type": "failed", "error": failed(error)}]

    def resync(self) -> None:
        """Make the next message a snapshot."""
        self._fresh = True
        self._failed = None


class Stream(Watched):
    """A topic of records, read from a ring by cursor."""

    def __init__(self, source: Source, options: Options, ring: Ring, read: Read, newest: Newest) -> None:
        self._system = source.system
        self._ring = ring
        self._read = read
        self._newest = newest if options.flag("newest") else _all
        self._limit = options.number("limit", _ROWS, most=source.limits.rows, least=1)
        self._left = options.number("count", 100_000, most=1_000_000, least=1)
        cursor = options.optional_number("cursor")
        self._cursor = ring.cursor if cursor is None else cursor

    @contextmanager
    def open(self) -> Generator[Watched, None, None]:
        """Let the ring listen while this block is open."""
        with self._ring.watching(self._system):
            yield self

    def messages(self) -> list[Message]:
        """The records since the last tick, at most `limit` of them; after `count` records in total, the end."""
        limit = min(self._limit, self._left)
        cursor, skipped = self._newest(self._cursor, limit)
        page = self._read(cursor, limit)
        self._cursor = page.cursor
        self._left -= len(page.rows)
        messages: list[Message] = []
        if page.rows or page.lost:
            messages.append(self._records(page, skipped))
        return messages if self._left else [*messages, {"type": "end", "cursor": page.cursor}]

    def _records(self, page: TracePage | CommitPage, skipped: int) -> Message:
        more = {"skipped": skipped} if skipped else {}
        try:
            return {"type": "records", "rows": shown(lambda: page.rows), "cursor": page.cursor, "lost": page.lost, **more}
        except NotShown as error:
            return {"type": "failed", "error": failed(error)}

    def resync(self) -> None:
        """Do nothing: a stream has no snapshot, and its cursor stays."""


def _all(cursor: int, _: int) -> tuple[int, int]:
    """Where a stream that skips nothing goes on."""
    return cursor, 0


def _trace(source: Source, options: Options) -> Stream:
    child, kind, handler = (options.text(name) for name in ("child", "kind", "handler"))
    if kind not in {None, *KINDS}:
        raise SpecError(f"trace: unknown kind {kind!r}; known kinds: {', '.join(KINDS)}")
    correlation = options.optional_number("correlation")

    def read(cursor: int, limit: int) -> TracePage:
        page = source.ring.read(cursor, limit=limit, child=child, kind=kind, correlation=correlation)
        rows = tuple(row for row in page.rows if handler is None or row.fields.get("handler") == handler)
        return attrs.evolve(page, rows=rows)

    def newest(cursor: int, limit: int) -> tuple[int, int]:
        return source.ring.newest(cursor, limit=limit, child=child, kind=kind, correlation=correlation, handler=handler)

    return Stream(source, options, source.ring, read, newest)


def _commits(source: Source, options: Options) -> Stream:
    child = options.text("child")
    ring = source.commits
    return Stream(
        source,
        options,
        ring,
        lambda cursor, limit: ring.read(cursor, limit=limit, child=child),
        lambda cursor, limit: ring.newest(cursor, limit=limit, child=child),
    )


STREAMS: Final[Mapping[str, Callable[[Source, Options], Stream]]] = {"trace": _trace, "commits": _commits}


def watched(source: Source, topic: object, given: object) -> Watched:
    """The view of *topic* for one viewer. Raises `SpecError` if the topic or its options are invalid."""
    if isinstance(topic, str) and topic in STREAMS:
        options = Options(given, topic)
        stream = STREAMS[topic](source, options)
        options.end()
        return stream
    if not isinstance(topic, str) or topic not in TOPICS:
        raise SpecError(f"unknown topic {str(topic)[:100]!r}; known topics: {', '.join([*TOPICS, *STREAMS])}")
    options = Options(given, topic)
    value = TOPICS[topic](source, options)
    options.end()
    cost = _COSTS.get(topic)
    return _Value(value, nullcontext if cost is None else partial(cost, source.system, options.text("actor")))
