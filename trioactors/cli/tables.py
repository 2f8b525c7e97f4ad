"""The values received from a console, formatted for a terminal. Names are shown escaped, in the form in which they can be typed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trioactors.cli.clocks import LocalClock
from trioactors.cli.words import counted, pretty, shown

__all__ = [
    "actor_lines",
    "actors_lines",
    "alerts_lines",
    "child_lines",
    "figures_lines",
    "handlers_lines",
    "span",
    "table",
    "traced_lines",
    "tree_lines",
]

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0
_REPORT_LINES = 60
_BEFORE_HANDLED = 6
"""The column before which a rate is inserted."""
_WHOLE = 10.0
"""Messages per second from which on a rate is shown without decimals."""
_NUMBERS = frozenset({"INCARNATION", "AGE", "WAITING", "RATE", "HANDLED", "CRASHED", "FOR"})
_EXPENDABLE = ("INCARNATION", "AGE", "FOR", "CRASHED", "HANDLED", "CLASS", "RATE", "STATUS")
"""The columns of the table of actors that are dropped, in this order, if it is too wide."""


def span(seconds: float | None) -> str:
    """A duration in seconds as short text."""
    if seconds is None:
        return "-"
    if seconds < _MINUTE:
        return f"{max(0.0, seconds):.1f}s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f}m"
    return f"{seconds / _HOUR:.0f}h" if seconds < _DAY else f"{seconds / _DAY:.0f}d"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int]) -> list[str]:
    """The lines of a table; the columns *right* are aligned to the right."""
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
    waits = f"; the oldest call has waited {span(figures['mailbox_wait'])}" if figures.get("mailbox_wait") else ""
    held = f"; a task blocked the event loop for {figures['loop_lag']:.2g}s" if figures.get("loop_lag") else ""
    return [now, f"{so_far}{waits}{held}"]


def actors_lines(page: dict[str, Any], now: float, width: int | None = None, rates: Mapping[str, float] | None = None) -> list[str]:
    """A page of actors, with messages per second if there are *rates*. If it is too wide, the least important columns are dropped."""
    head: tuple[str, ...] = ("NAME", "CLASS", "STATUS", "INCARNATION", "AGE", "WAITING", "HANDLED", "CRASHED", "HANDLING", "FOR")
    rows: list[tuple[str, ...]] = [
        (
            shown(row["name"]),
            shown(row["actor"]),
            _held(row),
            f"{row['incarnation']}",
            span(now - row["since"]),
            f"{row['waiting']:,}",
            f"{row['handled']:,}",
            f"{row['crashed']:,}",
            "-" if row["handling"] is None else shown(row["handling"]),
            span(None if row["handling_since"] is None else now - row["handling_since"]),
        )
        for row in page["rows"]
    ]
    if rates is not None:
        rated = [_rate(rates.get(row["name"])) for row in page["rows"]]
        head, rows = _inserted(head, "RATE"), [_inserted(row, rate) for row, rate in zip(rows, rated, strict=True)]
    more = page["matched"] - len(rows)
    return [
        *_fitting(head, rows, width),
        *([f"and {more:,} more of {page['matched']:,}"] if more > 0 else []),
    ]


def _inserted(row: tuple[str, ...], cell: str) -> tuple[str, ...]:
    """The row with a cell before what was handled."""
    return (*row[:_BEFORE_HANDLED], cell, *row[_BEFORE_HANDLED:])


def _rate(rate: float | None) -> str:
    """Messages per second."""
    if rate is None:
        return "-"
    return f"{rate:.1f}/s" if 0 < rate < _WHOLE else f"{rate:,.0f}/s"


def _held(row: dict[str, Any]) -> str:
    """The status of an actor in a list, and whether it is paused."""
    return f"{row['status']}{'' if row.get('paused_since') is None else ', paused'}"


def _fitting(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The table of actors, without as many columns as necessary to fit."""
    left = list(head)
    lines = _columns(head, rows, left)
    for least in (column for column in _EXPENDABLE if column in head):
        if width is None or max(len(line) for line in lines) <= width:
            break
        left.remove(least)
        lines = _columns(head, rows, left)
    return lines


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]], chosen: Sequence[str]) -> list[str]:
    places = [head.index(column) for column in chosen]
    right = frozenset(at for at, column in enumerate(chosen) if column in _NUMBERS)
    return table(chosen, [[row[place] for place in places] for row in rows], right)


def handlers_lines(page: dict[str, Any], now: float) -> list[str]:
    """A page of handlers."""
    head = ("HANDLER", "RATE", "COUNT", "ERRORS", "WAIT P50", "P99", "WORST", "HANDLING P50", "P99", "WORST", "RUNNING")
    rows = [
        (
            shown(row["name"]),
            f"{row['rate']:.3g}/s",
            f"{row['count']:,}",
            f"{row['errors']:,}",
            *(_fine(row[f"{what}_{which}"]) for what in ("waiting", "handling") for which in ("p50", "p99", "worst")),
            "-" if row["running_since"] is None else f"{row['running']:,}, for {span(now - row['running_since'])}",
        )
        for row in page["rows"]
    ]
    more = page["matched"] - len(rows)
    since = "nothing is measured" if page["since"] is None else f"figures of {span(page['seconds'])}"
    return [*table(head, rows, frozenset(range(1, 10))), f"{since}{f'; {more:,} more' if more > 0 else ''}"]


def _fine(seconds: float | None) -> str:
    """A short duration."""
    if seconds is None:
        return "-"
    if seconds >= 1.0:
        return f"{seconds:.3g}s" if seconds < _MINUTE else span(seconds)
    return f"{seconds * 1e3:.3g}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"  # noqa: PLR2004 - a millisecond


def alerts_lines(page: dict[str, Any], now: float) -> list[str]:
    """The alerts, each with its targets."""
    head = ("ALERT", "STATUS", "TARGET", "VALUE", "LIMIT", "FOR")
    rows: list[tuple[str, ...]] = []
    for row in page["rows"]:
        limit = f"{'above' if row['above'] else 'below'} {row['limit']:g}"
        quiet = "quiet" if row["silenced"] is None else f"silenced for {span(row['silenced'] - now)}"
        for each in row["targets"] or [None]:
            if each is None:
                rows.append((shown(row["name"]), quiet, "-", "-", limit, "-"))
                continue
            status = "waiting" if each["raised"] is None else "raised" if row["silenced"] is None else quiet
            since = span(now - each["since"])
            rows.append((shown(row["name"]), status, shown(each["target"]) or "-", f"{each['value']:g}", limit, since))
        if row["more"]:
            rows.append((shown(row["name"]), "raised", f"{row['more']:,} more", "-", limit, "-"))
    return table(head, rows, frozenset({3, 5})) if rows else ["no alerts"]


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
    if branch.get("paused_since") is not None:
        words.append("PAUSED")
    if branch["budget"] is not None:
        words.append(_budget(branch["budget"]))
    elif branch["incarnation"] > 1:
        words.append(f"incarnation {branch['incarnation']}")
    if branch["backlog"]:
        words.append(f"{branch['backlog']:,} waiting")
    if branch["last_exit"] is not None and branch["kind"] != "supervisor":
        words.append(f"last exit: {shown(str(branch['last_exit']))}")
    if branch.get("problem"):
        words.append(shown(str(branch["problem"])))
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
        "nothing" if handling is None else f"{handling['handler']} for {span(now - handling['since'])}, from {handling['sender']}"
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
    if actor.get("problem"):
        facts["problem"] = actor["problem"]
    if actor["durable"] is not None:
        durable = actor["durable"]
        facts["durable"] = f"{durable['policy']}, revision {durable['revision']:,}, {durable['size']:,} bytes"
    return [*_facts(facts), *_details(actor, now)]


def _status(child: dict[str, Any], now: float) -> str:
    waits = "" if child["restart_at"] is None else f", restarts in {span(child['restart_at'] - now)}"
    paused = child.get("paused_since")
    waits += "" if paused is None else f", paused for {span(now - paused)}"
    return f"{child['status']} for {span(now - child['since'])}{waits}, incarnation {child['incarnation']}, {child['restart']}"


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
            (shown(each["handler"]), each["kind"], shown(each["sender"]), f"{'' if each['exact'] else '>='}{span(each['age'])}")
            for each in actor["waiting"]
        ]
        yield ""
        yield from table(head, rows, frozenset({3}))
    for timer in actor["timers"]:
        every = "" if timer["period"] is None else f", every {span(timer['period'])}"
        yield f"{'timer':<10}{shown(timer['handler'])} {shown(timer['key'])} in {span(timer['due'] - now)}{every}"
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
        yield f"\nlast crash, incarnation {failure['incarnation']}, {span(now - failure['time'])} ago"
        yield from (f"  {line}" for line in str(failure["report"]).split("\n")[:_REPORT_LINES])


def traced_lines(row: dict[str, Any], clock: LocalClock) -> list[str]:
    """A trace record, below the date if that is another one than before."""
    date, time = clock.read(row["time"])
    return [*([] if date is None else [f"--- {date} ---"]), _traced(row, time)]


def _traced(row: dict[str, Any], time: str) -> str:
    fields = " ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in row["fields"].items() if value is not None
    )
    return f"{time}  {row['kind']:<18} {shown(row['child'])}  {fields}".rstrip()
