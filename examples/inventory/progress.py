"""The progress of a run as data, and two ways to show it: a bar in a terminal, plain lines elsewhere. It decides nothing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import trio
from attrs import Factory, define

from planning import Lot, Plan
from records import Entry
from trioactors.trace import RestartScheduled, TraceRecord

__all__ = ["Progress", "in_bytes", "plain_lines", "progress_bar", "way_to_show"]


def print_at_once(text: str) -> None:
    """Print a line and flush it; a pipe would buffer it."""
    print(text, flush=True)


@define
class Progress:
    """Counters of what has happened so far."""

    chatty: bool = False
    say: Callable[[str], None] = print_at_once
    seen: int = 0
    """Files found by the walk."""
    known: int = 0
    changed: int = 0
    gone: int = 0
    files: int = 0
    bytes: int = 0
    hashed: int = 0
    done_files: int = 0
    done_bytes: int = 0
    hashing_since: float | None = None
    restarts: Counter[str] = Factory(Counter[str])

    def begin(self) -> None:
        """Reset the counters at the start of a run, or at a restart of it."""
        self.seen = self.known = self.changed = self.gone = 0
        self.files = self.bytes = self.done_files = self.done_bytes = self.hashed = 0
        self.hashing_since = None

    def planned(self, plan: Plan) -> None:
        """Count the work in one top folder."""
        self.known += plan.known
        self.changed += plan.changed
        self.gone += sum(map(len, plan.gone.values()))
        self.files += sum(len(lot.files) for lot in plan.lots)
        self.bytes += sum(lot.bytes for lot in plan.lots)

    def start_hashing(self) -> None:
        """Note that everything is planned and hashing begins."""
        self.hashing_since = trio.current_time()
        self.say(f"{self.files:,} files to hash ({in_bytes(self.bytes)}), {self.known:,} are known already")

    def recorded(self, lot: Lot, results: Mapping[Path, Entry | None]) -> None:
        """Count a lot whose results are committed."""
        self.hashed += sum(entry is not None and entry.sha256 is not None for entry in results.values())
        self.done_files += len(lot.files)
        self.done_bytes += lot.bytes
        if self.chatty:
            self.say(f"recorded {len(lot.files)} files")

    def observe(self, record: TraceRecord) -> None:
        """Count restarts. This is an observer: the system calls it with each trace record."""
        if isinstance(record, RestartScheduled):
            self.restarts[record.child] += 1
            self.say(f"{record.child} crashed ({self.restarts[record.child]} so far) and restarts in {record.delay:.2f} s")

    def __str__(self) -> str:
        """One line of progress for people."""
        if self.hashing_since is None:
            return f"looking: {self.seen:,} files so far"
        if not self.files:
            return "reading back"
        took = max(trio.current_time() - self.hashing_since, 0.001)
        rates = f"{self.done_files / took:,.0f} files/s, {in_bytes(self.done_bytes / took)}/s"
        return f"{self.done_files / self.files:4.0%}: {self.done_files:,} of {self.files:,} files, {rates}"


async def plain_lines(progress: Progress) -> None:
    """Print a line each second."""
    while True:
        await trio.sleep(1.0)
        progress.say(str(progress))


async def progress_bar(progress: Progress) -> None:
    """Show a progress bar."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415 - an extra
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = TextColumn("{task.description}"), BarColumn(None), TimeRemainingColumn()
    with Bars(*columns, auto_refresh=False, transient=True, expand=True) as bars:
        line = bars.add_task("", total=None)
        before, progress.say = progress.say, partial(bars.console.print, markup=False, highlight=False)
        try:
            while True:
                total = None if progress.hashing_since is None else progress.files
                bars.update(line, total=total, completed=progress.done_files, description=str(progress), refresh=True)
                await trio.sleep(0.1)
        finally:
            progress.say = before


def way_to_show() -> Callable[[Progress], Awaitable[None]]:
    """Choose the bar if the output is a terminal and `rich` is installed, else plain lines."""
    return progress_bar if sys.stdout.isatty() and find_spec("rich") is not None else plain_lines


def in_bytes(number: float) -> str:
    """Format a size for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
