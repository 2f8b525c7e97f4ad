"""What can be watched: each topic is a function that makes the value as it is now, and is called only when somebody is to be told.

A `Watched` is one viewer's view of a topic. It keeps what that viewer was last sent, and answers a tick with the message that leads on
from there: a snapshot first, then differences, nothing where nothing has changed. Nothing is queued: who ticks seldom gets larger steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Final, TypeAlias

import attrs

from trioactors import inspect
from trioactors.console.differences import difference
from trioactors.console.limits import ConsoleLimits
from trioactors.console.options import Options
from trioactors.errors import SpecError, TrioactorsError
from trioactors.inspect import CommitPage, CommitRing, Marks, Plain, TracePage, TraceRing, plain
from trioactors.system.system import System
from trioactors.trace import records as trace

__all__ = ["KINDS", "STREAMS", "TOPICS", "Message", "Source", "Stream", "Topic", "Watched", "told_error", "watched"]

Message: TypeAlias = dict[str, Any]
Topic: TypeAlias = Callable[[], object]
"""The value as it is now."""

_ROWS: Final = 100

KINDS: Final = tuple(
    name
    for name in trace.__all__
    if isinstance(record := getattr(trace, name), type)
    and issubclass(record, trace.TraceRecord)
    and record not in {trace.TraceRecord, trace.MessageRecord}
)
"""The kinds of trace records."""


@attrs.frozen
class Source:
    """Where topics come from."""

    system: System
    limits: ConsoleLimits
    ring: TraceRing
    commits: CommitRing = attrs.field(factory=CommitRing)
    resent: set[int] = attrs.field(factory=set[int])
    """The numbers of dead letters that were sent again."""
    found: dict[str, Message] = attrs.field(factory=dict[str, "Message"])
    """What the store answered last, to those who asked it."""


def told_error(error: TrioactorsError) -> Message:
    """An error as a viewer gets it."""
    return {"kind": type(error).__name__, "text": str(plain(str(error), inspect.STATE_LIMITS))}


# --- topics: a value, and what changes in it ---


def _figures(source: Source, _: Options) -> Topic:
    return partial(inspect.figures, source.system)


def _tree(source: Source, options: Options) -> Topic:
    name, children = options.text("name"), options.number("children", 200, most=source.limits.rows)
    return partial(inspect.tree, source.system, name=name, children=children)


def _actors(source: Source, options: Options) -> Topic:
    return partial(
        inspect.actors,
        source.system,
        sort=options.text("sort") or "name",
        reverse=options.flag("reverse"),
        search=options.text("search") or "",
        status=options.text("status"),
        limit=options.number("limit", _ROWS, most=source.limits.rows),
        offset=options.number("offset", 0, most=10_000_000),
    )


def _actor(source: Source, options: Options) -> Topic:
    waiting = options.number("waiting", _ROWS, most=source.limits.rows)
    return partial(inspect.actor, source.system, options.needed("name"), marks=Marks(), waiting=waiting)


def _failures(source: Source, options: Options) -> Topic:
    name, limit = options.text("name"), options.number("limit", _ROWS, most=_ROWS)  # each has a long report
    return partial(inspect.failures, source.system, name=name, limit=limit)


def _timers(source: Source, options: Options) -> Topic:
    limit = options.number("limit", _ROWS, most=source.limits.rows)

    def now() -> object:
        rows = inspect.timers(source.system)
        return {"total": len(rows), "rows": rows[:limit]}

    return now


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
        found = page()
        return {**attrs.asdict(found, recurse=False), "resent": [row.number for row in found.rows if row.number in source.resent]}

    return now


def _dead_letter_groups(source: Source, options: Options) -> Topic:
    limit = options.number("limit", _ROWS, most=source.limits.rows)
    return lambda: inspect.dead_letter_groups(source.system)[:limit]


def _durable(source: Source, options: Options) -> Topic:
    page = partial(
        inspect.durable,
        source.system,
        sort=options.text("sort") or "name",
        reverse=options.flag("reverse"),
        search=options.text("search") or "",
        limit=options.number("limit", _ROWS, most=source.limits.rows),
        offset=options.number("offset", 0, most=10_000_000),
    )
    return lambda: {**attrs.asdict(page(), recurse=False), "quarantine": source.found.get("quarantine", _NOT_ASKED)}


_NOT_ASKED: Final[Message] = {"total": None, "complete": None, "time": None}

TOPICS: Final[Mapping[str, Callable[[Source, Options], Topic]]] = {
    "figures": _figures,
    "tree": _tree,
    "actors": _actors,
    "actor": _actor,
    "failures": _failures,
    "timers": _timers,
    "budgets": _budgets,
    "dead_letters": _dead_letters,
    "dead_letter_groups": _dead_letter_groups,
    "durable": _durable,
}


class Watched(ABC):
    """One viewer's view of a topic."""

    @abstractmethod
    def messages(self) -> list[Message]:
        """What leads on from what the viewer was last sent."""

    @abstractmethod
    def resync(self) -> None:
        """Begin anew at the next tick."""

    @contextmanager
    def open(self) -> Generator[Watched, None, None]:
        """It costs something only while this is open."""
        yield self


class _Value(Watched):
    """A value: a snapshot, then differences."""

    def __init__(self, topic: Topic, cost: Callable[[], AbstractContextManager[object]]) -> None:
        self._topic = topic
        self._cost = cost
        self._sent: Plain = None
        self._fresh = True
        self._failed: Message | None = None

    @contextmanager
    def open(self) -> Generator[Watched, None, None]:
        """What must be measured for it is measured meanwhile."""
        with self._cost():
            yield self

    def messages(self) -> list[Message]:
        """A snapshot, a difference, a failure that is new, or nothing."""
        try:
            value = plain(self._topic())
        except TrioactorsError as error:
            return self._failure(told_error(error))
        self._failed = None
        sent, self._sent = self._sent, value
        if self._fresh:
            self._fresh = False
            return [{"type": "snapshot", "value": value}]
        change = difference(sent, value)
        return [] if change is None else [{"type": "difference", "change": change}]

    def _failure(self, error: Message) -> list[Message]:
        known, self._failed, self._fresh = self._failed, error, True
        return [] if known == error else [{"type": "failed", "error": error}]

    def resync(self) -> None:
        """The next message is a snapshot."""
        self._fresh = True
        self._failed = None


class Stream(Watched):
    """What has happened, read from a ring by a number; the reader is told what had left the ring before it came."""

    def __init__(self, source: Source, options: Options, ring: TraceRing | CommitRing) -> None:
        self._system = source.system
        self._ring = ring
        self._limit = options.number("limit", _ROWS, most=source.limits.rows, least=1)
        self._left = options.number("count", 100_000, most=1_000_000, least=1)
        cursor = options.optional_number("cursor")
        self._cursor = ring.cursor if cursor is None else cursor

    @contextmanager
    def open(self) -> Generator[Watched, None, None]:
        """The ring listens while somebody watches."""
        with self._ring.watching(self._system):
            yield self

    @abstractmethod
    def _read(self, cursor: int, limit: int) -> TracePage | CommitPage:
        """What has come since *cursor*."""

    def messages(self) -> list[Message]:
        """The records that have come since, at most `limit` of them; and after `count` in all, the end."""
        page = self._read(self._cursor, min(self._limit, self._left))
        self._cursor = page.cursor
        self._left -= len(page.rows)
        told: list[Message] = []
        if page.rows or page.lost:
            told.append({"type": "records", "rows": plain(page.rows), "cursor": page.cursor, "lost": page.lost})
        return told if self._left else [*told, {"type": "end", "cursor": page.cursor}]

    def resync(self) -> None:
        """Nothing is remembered of what was sent; the cursor stays."""


class _Trace(Stream):
    """Trace records."""

    def __init__(self, source: Source, options: Options) -> None:
        super().__init__(source, options, source.ring)
        self._records = source.ring
        self._child, self._kind, self._handler = (options.text(name) for name in ("child", "kind", "handler"))
        if self._kind not in {None, *KINDS}:
            raise SpecError(f"trace: no record is of the kind {self._kind!r}; there are {', '.join(KINDS)}")
        self._correlation = options.optional_number("correlation")

    def _read(self, cursor: int, limit: int) -> TracePage:
        page = self._records.read(cursor, limit=limit, child=self._child, kind=self._kind, correlation=self._correlation)
        rows = tuple(row for row in page.rows if self._handler is None or row.fields.get("handler") == self._handler)
        return attrs.evolve(page, rows=rows)


class _Commits(Stream):
    """Commits of durable actors, with what each changed."""

    def __init__(self, source: Source, options: Options) -> None:
        super().__init__(source, options, source.commits)
        self._commits = source.commits
        self._child = options.text("child")

    def _read(self, cursor: int, limit: int) -> CommitPage:
        return self._commits.read(cursor, limit=limit, child=self._child)


STREAMS: Final[Mapping[str, Callable[[Source, Options], Stream]]] = {"trace": _Trace, "commits": _Commits}


def watched(source: Source, topic: object, given: object) -> Watched:
    """What a viewer wants to watch. Raises `SpecError`, and what the topic raises at once."""
    if isinstance(topic, str) and topic in STREAMS:
        options = Options(given, topic)
        stream = STREAMS[topic](source, options)
        options.end()
        return stream
    if not isinstance(topic, str) or topic not in TOPICS:
        raise SpecError(f"no topic is named {str(topic)[:100]!r}; there are {', '.join([*TOPICS, *STREAMS])}")
    options = Options(given, topic)
    value = TOPICS[topic](source, options)
    options.end()
    return _Value(value, partial(inspect.measured, source.system) if topic == "figures" else nullcontext)
