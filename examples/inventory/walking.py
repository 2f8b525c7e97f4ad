"""Walk a folder tree without reading any file.

Links are never followed, so a cycle of links is harmless. Mount points are treated like other folders. Pipes, sockets and devices are only
counted. A name may be any bytes: a `Path` carries bytes that are not text unchanged.
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
    """The result of the walk of one top folder; all paths are relative to it."""

    files: dict[Path, Stamp] = Factory(dict[Path, Stamp])
    closed: dict[Path, str] = Factory(dict[Path, str])
    """Paths that could not be read, mostly folders, each with the reason."""
    folders: int = 0
    links: int = 0
    special: int = 0
    """Pipes, sockets, devices."""


def tops_of(root: Path) -> list[Path]:
    """Return the names of the top folders of *root*, and `.`."""
    with os.scandir(root) as entries:
        return [Path(), *sorted(Path(entry.name) for entry in entries if entry.is_dir(follow_symlinks=False))]


def walk(top: Top, *, leave_out: Callable[[str], bool], pulse: Callable[[int], None]) -> Walk:
    """Walk everything in *top*.

    *leave_out* is called with a full path and returns whether to skip it. *pulse* is called after each folder with the number of files in
    it; if it raises, the walk stops.
    """
    seen = Walk()
    waiting = [] if top.deep and top.place.is_symlink() else [Path()]  # a folder of the last run may be a link now
    while waiting:
        folder = waiting.pop()
        before = len(seen.files)
        try:
            with os.scandir(top.place / folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it was removed during the walk
        except OSError as error:
            seen.closed[folder] = error.strerror or str(error)
            continue
        seen.folders += 1
        inner = [folder / entry.name for entry in listed if not leave_out(entry.path) and _is_folder(entry, folder, seen)]
        waiting += inner if top.deep else []
        pulse(len(seen.files) - before)
    return seen


def _is_folder(entry: os.DirEntry[str], folder: Path, seen: Walk) -> bool:
    """Whether *entry* is a folder to walk. Everything else is recorded in *seen*."""
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
