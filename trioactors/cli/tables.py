"""The values received from a console, formatted for a terminal. Names are shown escaped, in the form in which they can be typed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from trioactors.cli.words import counted, pretty, shown

__all__ = ["actor_lines", "actors_lines", "child_lines", "figures_lines", "trace_line", "tree_lines"]

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0
_REPORT_LINES = 60
_NUMBERS = frozenset({"INCARNATION", "AGE", "WAITING", "HANDLED", "CRASHED", "FOR"})
_EXPENDABLE = ("INCARNATION", "AGE", "FOR", "CRASHED", "HANDLED", "CLASS", "STATUS")
"""The columns of the table of actors that are dropped, in this order, if it is too wide."""


def _span(seconds: float | None) -> str:
    """A duration in seconds as short text."""
    if seconds is None:
        return "-"
    if seconds < _MINUTE:
        return f"{max(0.0, seconds):.1f}s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f}m"
    return f"{seconds / _HOUR:.0f}h" if seconds < _DAY else f"{seconds / _DAY:.0f}d"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int]) -> list[str]:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return [line(row) for row in [head, *rows]]


def figures_lines(figures: dict[str, Any]) -> list[str]:
    """The figures of the whole system."""
    ledger = figures["ledger"]
    store = (
        "" if figures["store"] is None else f"; store {shown(str(figures['store']))}{' BROKEN' if figures['store_broken'] else ''}"
    )
    now = (
        f"{counted(figures['actors'], 'actor')}, {figures['children']:,} in the tree, {figures['down']:,} down, "
        f"{figures['busy']:,} busy{store}"
    )
    so_far = (
        f"{figures['backlog']:,} waiting, {ledger['handled']:,} handled, {ledger['crashed']:,} crashed, "
        f"{counted(figures['dead_letters'], 'dead letter')}, {counted(figures['restarts'], 'restart')}, "
        f"{counted(figures.get('failures', 0), 'failure')}"
    )
    waits = f"; the oldest call has waited {_span(figures['mailbox_wait'])}" if figures.get("mailbox_wait") else ""
    held = f"; a task blocked the event loop for {figures['loop_lag']:.2g}s" if figures.get("loop_lag") else ""
    return [now, f"{so_far}{waits}{held}"]


def actors_lines(page: dict[str, Any], now: float, width: int | None = None) -> list[str]:
    """A page of actors. If it is wider than *width*, the least important columns are dropped."""
    head = ("NAME", "CLASS", "STATUS", "INCARNATION", "AGE", "WAITING", "HANDLED", "CRASHED", "HANDLING", "FOR")
    rows = [
        (
            shown(row["name"]),
            shown(row["actor"]),
            str(row["status"]),
            f"{row['incarnation']}",
            _span(now - row["since"]),
            f"{row['waiting']:,}",
            f"{row['handled']:,}",
            f"{row['crashed']:,}",
            "-" if row["handling"] is None else shown(row["handling"]),
            _span(None if row["handling_since"] is None else now - row["handling_since"]),
        )
        for row in page["rows"]
    ]
    more = page["matched"] - len(rows)
    return [
        *_fitting(head, rows, width),
        *([f"and {more:,} more of {page['matched']:,}"] if more > 0 else []),
    ]


def _fitting(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The table of actors, without as many columns as necessary to fit."""
    left = list(head)
    lines = _columns(head, rows, left)
    for least in _EXPENDABLE:
        if width is None or max(len(line) for line in lines) <= width:
            break
        left.remove(least)
        lines = _columns(head, rows, left)
    return lines


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]], chosen: Sequence[str]) -> list[str]:
    places = [head.index(column) for column in chosen]
    right = frozenset(at for at, column in enumerate(chosen) if column in _NUMBERS)
    return _table(chosen, [[row[place] for place in places] for row in rows], right)


def tree_lines(branch: dict[str, Any]) -> list[str]:
    """A branch and its descendants."""
    return list(_branches(branch, "", ""))


def _branches(branch: dict[str, Any], first: str, rest: str) -> Iterator[str]:
    yield f"{first}{_branch(branch)}"
    children = branch["children"]
    for at, child in enumerate(children):
        last = at == len(children) - 1 and not branch["more"]
        yield from _branches(child, f"{rest}{'`-- ' if last else '|-- '}", f"{rest}{'    ' if last else '|   '}")
    if branch["more"]:
        yield f"{rest}`-- and {branch['more']:,} more"


def _branch(branch: dict[str, Any]) -> str:
    words = [shown(branch["name"]), f"({shown(branch['actor'] or str(branch['kind']))})"]
    if branch["status"] != "running":
        words.append(str(branch["status"]).upper())
    if branch["budget"] is not None:
        words.append(_budget(branch["budget"]))
    elif branch["incarnation"] > 1:
        words.append(f"incarnation {branch['incarnation']}")
    if branch["backlog"]:
        words.append(f"{branch['backlog']:,} waiting")
    if branch["last_exit"] is not None and branch["kind"] != "supervisor":
        words.append(f"last exit: {shown(str(branch['last_exit']))}")
    return " ".join(words)


def _budget(budget: dict[str, Any]) -> str:
    if budget["allowed"] is not None:
        return f"{budget['strategy']}, {budget['used']} of {budget['allowed']} restarts in {budget['period']:g} s"
    if budget["child_allowed"] is not None:
        return f"{budget['strategy']}, {budget['child_allowed']} restarts in {budget['child_period']:g} s for each child"
    return f"{budget['strategy']}, restarts without limit"


def actor_lines(actor: dict[str, Any], now: float) -> list[str]:
    """One actor in full."""
    handling = actor["handling"]
    busy = (
        "nothing" if handling is None else f"{handling['handler']} for {_span(now - handling['since'])}, from {handling['sender']}"
    )
    facts = {
        "name": actor["name"],
        "path": actor["path"],
        "class": actor["actor"],
        "status": _status(actor, now),
        "handling": busy,
        "waits for": ", ".join(actor["waits_for"]) or "-",
        "mailbox": f"{actor['backlog']:,} of {actor['mailbox_limit']:,}, peak {actor['mailbox_peak']:,}, "
        f"{actor['mailbox_rejected']:,} rejected",
        "handled": f"{actor['ledger']['handled']:,}, crashed {actor['ledger']['crashed']:,}",
        "watchers": ", ".join(actor["watchers"]) or "-",
        "last exit": actor["last_exit"] or "-",
    }
    if actor["durable"] is not None:
        durable = actor["durable"]
        facts["durable"] = f"{durable['policy']}, revision {durable['revision']:,}, {durable['size']:,} bytes"
    return [*_facts(facts), *_details(actor, now)]


def _status(child: dict[str, Any], now: float) -> str:
    waits = "" if child["restart_at"] is None else f", restarts in {_span(child['restart_at'] - now)}"
    return f"{child['status']} for {_span(now - child['since'])}{waits}, incarnation {child['incarnation']}, {child['restart']}"


def _facts(facts: dict[str, Any]) -> list[str]:
    return [f"{what:<10}{shown(str(value))}" for what, value in facts.items()]


def _details(actor: dict[str, Any], now: float) -> Iterator[str]:
    if actor["state"] is not None:
        yield f"\nstate ({shown(actor['state']['type'])})"
        yield from (f"  {line}" for line in pretty(actor["state"]["value"]))
    elif not actor["state_allowed"]:
        yield f"{'state':<10}not shown: the class does not say inspect=True"
    if actor["waiting"]:
        head = ("WAITING", "KIND", "FROM", "FOR")
        rows = [
            (shown(each["handler"]), each["kind"], shown(each["sender"]), f"{'' if each['exact'] else '>='}{_span(each['age'])}")
            for each in actor["waiting"]
        ]
        yield ""
        yield from _table(head, rows, frozenset({3}))
    for timer in actor["timers"]:
        every = "" if timer["period"] is None else f", every {_span(timer['period'])}"
        yield f"{'timer':<10}{shown(timer['handler'])} {shown(timer['key'])} in {_span(timer['due'] - now)}{every}"
    if actor["stack"]:
        yield "\nstack"
        yield from (f"  {line}" for line in actor["stack"])
    yield from _failure(actor["failure"], now)


def child_lines(child: dict[str, Any], now: float) -> list[str]:
    """A child that is not an actor: its place in the tree, and its last failure."""
    facts = {
        "name": child["name"],
        "path": child["path"],
        "kind": child["kind"],
        "status": _status(child, now),
        "last exit": child["last_exit"] or "-",
    }
    if child["budget"] is not None:
        facts["budget"] = _budget(child["budget"])
    return [*_facts(facts), *_failure(child["failure"], now)]


def _failure(failure: dict[str, Any] | None, now: float) -> Iterator[str]:
    if failure is not None:
        yield f"\nlast crash, incarnation {failure['incarnation']}, {_span(now - failure['time'])} ago"
        yield from (f"  {line}" for line in str(failure["report"]).split("\n")[:_REPORT_LINES])


def trace_line(row: dict[str, Any]) -> str:
    """A trace record."""
    fields = " ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in row["fields"].items() if value is not None
    )
    return f"{row['time']:>12.3f}  {row['kind']:<18} {shown(row['child'])}  {fields}".rstrip()
