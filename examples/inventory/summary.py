"""The summary that is printed at the end: totals by type, files that could not be read, and duplicates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from progress import Progress, in_bytes
from records import Entry, shown
from survey import Survey

__all__ = ["duplicates", "summary"]

T = TypeVar("T")
AT_MOST: Final = 10
"""The most lines of one kind; further ones are only counted."""


def duplicates(entries: Mapping[Path, Entry]) -> list[list[Path]]:
    """Return the groups of files with the same content, those that waste the most space first."""
    groups: dict[tuple[int, str], list[Path]] = defaultdict(list)
    for path, entry in entries.items():
        if entry.sha256 is not None:
            groups[entry.stamp.size, entry.sha256].append(path)
    same = [sorted(group) for group in groups.values() if len(group) > 1]
    return sorted(same, key=lambda group: (-wasted(group, entries), group))


def wasted(group: list[Path], entries: Mapping[Path, Entry]) -> int:
    """Return how many bytes the copies in *group* waste. Hard links take no space."""
    stamps = [entries[path].stamp for path in group]
    return stamps[0].size * (len({stamp.inode for stamp in stamps}) - 1)


def summary(survey: Survey) -> Iterator[str]:
    """Yield the lines of the summary."""
    entries, walks = survey.entries, survey.walks.values()
    total = sum(entry.stamp.size for entry in entries.values())
    links, special = sum(walk.links for walk in walks), sum(walk.special for walk in walks)
    yield ""
    yield f"{shown(survey.root)}: {len(entries):,} files, {in_bytes(total)}, in {sum(walk.folders for walk in walks):,} folders"
    yield this_run(survey.progress)
    if links or special:
        yield f"  left alone: links {links:,}; pipes, sockets and devices {special:,}"
    kinds = Counter(entry.kind for entry in entries.values())
    yield from some_of("types", kinds.most_common(), lambda kind: f"{kind[1]:9,}  {kind[0]}")
    yield from some_of("not read", problems(survey), lambda found: f"{shown(found[0])}: {found[1]}")
    same = duplicates(entries)
    yield from some_of("found more than once", same, lambda group: one_line(group, entries))
    yield f"  duplicates: {sum(map(len, same)):,} files in {len(same):,} groups; {in_bytes(sum(wasted(g, entries) for g in same))} in vain"


def this_run(progress: Progress) -> str:
    """Describe what this run did, and what it did not need to do."""
    restarts = ", ".join(f"{name} {times}" for name, times in sorted(progress.restarts.items()))
    return (
        f"  this run: {progress.hashed:,} hashed, {progress.known:,} known before, {progress.changed:,} had changed, "
        f"{progress.gone:,} had gone; restarts: {restarts or 'none'}"
    )


def problems(survey: Survey) -> list[tuple[Path, str]]:
    """Return the paths that could not be read, each with the reason."""
    closed = [(top / path, problem) for top, walk in survey.walks.items() for path, problem in walk.closed.items()]
    return closed + [(path, entry.problem) for path, entry in survey.entries.items() if entry.problem is not None]


def one_line(group: list[Path], entries: Mapping[Path, Entry]) -> str:
    """Format one group of duplicates."""
    first, second, *more = map(shown, group)
    others = f" and {len(more):,} more" if more else ""
    return f"{in_bytes(entries[group[0]].stamp.size):>10}  {first} = {second}{others}"


def some_of(title: str, items: Sequence[T], line: Callable[[T], str]) -> Iterator[str]:
    """Yield a title and a *line* for each of the first *items*, if there are any."""
    if items:
        yield f"  {title}:"
        yield from (f"    {line(item)}" for item in items[:AT_MOST])
    if len(items) > AT_MOST:
        yield f"    and {len(items) - AT_MOST:,} more"
