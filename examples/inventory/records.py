"""The data that is kept about a file, and the names of the durable actors that keep it."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote_from_bytes

from attrs import frozen

from trioactors.serializer import stored

__all__ = ["Entry", "Stamp", "Top", "durable_name", "shown"]

LONGEST: Final = 900
"""The longest quoted path in a durable name. A longer one is replaced by its digest."""


@stored(name="stamp")
@frozen
class Stamp:
    """The attributes that show, without reading a file, whether it has changed since it was hashed."""

    size: int
    modified: int
    """In nanoseconds since the epoch."""
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Make the stamp of a file with this *status*."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


@stored(name="entry")
@frozen
class Entry:
    """The result for one file: its digest, or the problem that prevented it."""

    stamp: Stamp
    kind: str
    sha256: str | None = None
    problem: str | None = None


@frozen
class Top:
    """A top folder: a folder directly below the root, or `.`, which stands for the files in the root itself."""

    root: Path
    name: Path

    @property
    def place(self) -> Path:
        """The path of the folder."""
        return self.root / self.name

    @property
    def deep(self) -> bool:
        """Whether its subfolders belong to it."""
        return self.name != Path()

    def __str__(self) -> str:
        """The path, including the `.`, so that no two top folders have the same text."""
        return f"{self.root}/{self.name}"


def durable_name(what: str, path: str) -> str:
    """Return the name of the actor that is *what* for *path*. It is text even if the path has bytes that are not."""
    whole = os.fsencode(path)
    quoted = quote_from_bytes(whole)
    return f"{what} {quoted if len(quoted) <= LONGEST else sha256(whole).hexdigest()}"


def shown(path: Path) -> str:
    """Format *path* for people. Line breaks, escapes and bytes that are not text must not reach a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(path))
