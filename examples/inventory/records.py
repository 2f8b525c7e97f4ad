"""What is kept of a file, and under which names the durable actors keep it."""

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
"""Characters of a durable name. A path may be longer; its digest stands for it then."""


@stored(name="stamp")
@frozen
class Stamp:
    """What tells, without reading a file, whether it is still the one that was hashed."""

    size: int
    modified: int
    """In nanoseconds since the epoch."""
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a file with this *status*."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


@stored(name="entry")
@frozen
class Entry:
    """What is known of one file: its digest, or the problem that stood in the way."""

    stamp: Stamp
    kind: str
    sha256: str | None = None
    problem: str | None = None


@frozen
class Top:
    """A top folder: one that is right below the root, or `.`, which stands for the files in the root itself."""

    root: Path
    name: Path

    @property
    def place(self) -> Path:
        """Where it is."""
        return self.root / self.name

    @property
    def deep(self) -> bool:
        """Whether what is in its folders belongs to it."""
        return self.name != Path()

    def __str__(self) -> str:
        """Its path with the `.`, so that it is never taken for another one's."""
        return f"{self.root}/{self.name}"


def durable_name(what: str, path: str) -> str:
    """The name of the actor that is *what* for *path*: text, whatever bytes the path is made of."""
    whole = os.fsencode(path)
    quoted = quote_from_bytes(whole)
    return f"{what} {quoted if len(quoted) <= LONGEST else sha256(whole).hexdigest()}"


def shown(path: Path) -> str:
    """*path* for people. A name may hold line breaks, escapes and bytes that are no text; none of them may reach a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(path))
