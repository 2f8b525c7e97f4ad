"""Looks at a folder tree without reading any file.

Links are never followed, so no circle of them can lead anywhere. Mount points are folders like others. Pipes, sockets and devices are
counted and left alone. Names are whatever the system says: bytes that are no text travel in a `Path` unharmed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from attrs import Factory, define

from records import Stamp, Top

__all__ = ["Walk", "tops_of", "walk"]


@define
class Walk:
    """What was seen under one top folder; all paths begin there."""

    files: dict[Path, Stamp] = Factory(dict[Path, Stamp])
    closed: dict[Path, str] = Factory(dict[Path, str])
    """What could not be looked at, mostly folders, and why."""
    folders: int = 0
    links: int = 0
    special: int = 0
    """Pipes, sockets, devices."""


def tops_of(root: Path) -> list[Path]:
    """The names of the top folders of *root*, and `.`."""
    with os.scandir(root) as entries:
        return [Path(), *sorted(Path(entry.name) for entry in entries if entry.is_dir(follow_symlinks=False))]


def walk(top: Top, *, leave_out: Callable[[str], bool], pulse: Callable[[int], None]) -> Walk:
    """Everything in *top*.

    *leave_out* tells by its full path what does not count. *pulse* is called after each folder with the number of files in it; what it
    raises ends the walk.
    """
    seen = Walk()
    waiting = [] if top.deep and top.place.is_symlink() else [Path()]  # what was a folder in the last run may be a link now
    while waiting:
        folder = waiting.pop()
        before = len(seen.files)
        try:
            with os.scandir(top.place / folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it went while we walked
        except OSError as error:
            seen.closed[folder] = error.strerror or str(error)
            continue
        seen.folders += 1
        inner = [folder / entry.name for entry in listed if not leave_out(entry.path) and _is_folder(entry, folder, seen)]
        waiting += inner if top.deep else []
        pulse(len(seen.files) - before)
    return seen


def _is_folder(entry: os.DirEntry[str], folder: Path, seen: Walk) -> bool:
    """Whether to go in there. Anything else is noted."""
    path = folder / entry.name
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        seen.closed[path] = error.strerror or str(error)
        return False
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        seen.files[path] = Stamp.of(status)
    elif kind == stat.S_IFLNK:
        seen.links += 1
    elif kind != stat.S_IFDIR:
        seen.special += 1
    return kind == stat.S_IFDIR
