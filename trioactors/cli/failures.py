"""`failures`: what has failed, by cause and child by child; in a running system, or from the history in a store that is not open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from trioactors.cli.places import Place
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.tables import span, table
from trioactors.cli.words import counted, say, shown, warn
from trioactors.environment.environment import Environment
from trioactors.history.crashes import Crash
from trioactors.history.records import Records, read_past
from trioactors.inspect import plain
from trioactors.inspect.remembered import group_row

__all__ = ["failures_lines", "failures_of_store"]

_HOUR = 3_600.0


def failures_of_store(place: Place, name: str | None, *, as_json: bool) -> ExitCode:
    """Show the failures that are in the history in the store; with *name*, only those of that child."""
    with place.opened() as store:
        past = read_past(store, Records())
    for problem in past.skipped:
        warn(problem)
    now = Environment().wall_clock()
    last: dict[str, Crash] = {}
    for block in sorted(past.blocks, key=lambda block: block.number):
        last.update((crash.child, crash) for crash in block.crashes if name in {None, crash.child})
    if name is not None and not last:
        raise Refused(f"the history in {place.url} has no failure of {shown(name)}")
    rows = sorted((_row(crash) for crash in last.values()), key=lambda row: -row["wall_time"])
    groups = [plain(group_row(group, now, _HOUR)) for group in reversed(past.groups)] if name is None else None
    value = {"groups": groups, "failures": {"total": len(rows), "rows": rows}}
    for line in [json.dumps(value)] if as_json else failures_lines(value, now, in_full=name is not None):
        say(line)
    return ExitCode.OK


def _row(crash: Crash) -> dict[str, Any]:
    """A failure as a console tells it, without what only a running system knows."""
    return {
        "name": crash.child,
        "path": crash.path,
        "kind": crash.child_kind,
        "actor": crash.owner if crash.child_kind == "actor" else None,
        "incarnation": crash.incarnation,
        "wall_time": crash.wall_time,
        "origin": "earlier",
        "reason": crash.reason,
        "text": crash.text,
        "report": crash.report,
    }


def failures_lines(value: dict[str, Any], now: float, *, in_full: bool) -> list[str]:
    """The groups, then the last failure of each child; *in_full*, with their reports. *now* is on the wall clock."""
    page = value["failures"]
    lines = [] if not value["groups"] else [*_groups(value["groups"], now), ""]
    if not page["rows"]:
        return [*lines, "no failures"]
    if in_full:
        return [line for row in page["rows"] for line in _in_full(row, now)]
    head = ("CHILD", "KIND", "FAILED", "WHICH", "REASON", "TEXT")
    rows = [
        (
            shown(row["name"]),
            shown(row["actor"] or str(row["kind"])),
            f"{span(now - row['wall_time'])} ago",
            row["origin"],
            shown(row["reason"]),
            shown(row["text"][:60]) if row["text"] else "",
        )
        for row in page["rows"]
    ]
    more = page["total"] - len(rows)
    return [*lines, *table(head, rows, frozenset({2})), *([f"and {counted(more, 'more')}"] if more > 0 else [])]


def _groups(groups: list[dict[str, Any]], now: float) -> list[str]:
    head = ("FAILURES", "LAST HOUR", "LAST", "FIRST", "OF", "ERROR", "CHILDREN")
    rows = [
        (
            f"{group['count']:,}",
            f"{group['recent']:,}",
            f"{span(now - group['last'])} ago",
            f"{span(now - group['first'])} ago",
            shown(group["owner"]),
            shown(group["error"]),
            ", ".join(shown(name) for name in group["names"]),
        )
        for group in groups
    ]
    return table(head, rows, frozenset({0, 1, 2, 3}))


def _in_full(row: dict[str, Any], now: float) -> Iterator[str]:
    when = f"{span(now - row['wall_time'])} ago ({row['origin']})"
    yield f"{shown(row['name'])} failed {when}, incarnation {row['incarnation']}: {shown(row['reason'])}"
    yield from (f"  {shown(line)}" for line in (row["report"] or "no report was kept: there were too many at once").split("\n"))
