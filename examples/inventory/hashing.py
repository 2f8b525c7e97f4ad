"""Reads one file and says what there is to know of it. Blocking code, for a thread.

A file that changes while it is read has no digest that was ever true. So it is looked at again after each chunk, and read anew if it is
not what it was. (After each, because a log may grow as fast as it is read.)
"""

from __future__ import annotations

import errno
import hashlib
import mimetypes
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from records import Entry, Stamp

__all__ = ["examine"]

CHUNK: Final = 256 * 1024
TRIES: Final = 3
FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""What was a file a moment ago may be a link now (refused), or a pipe that nobody writes to (opened without waiting)."""


def examine(path: Path, seen: Stamp, *, pulse: Callable[[], None]) -> Entry | None:
    """What there is to know of the file at *path*, which had the stamp *seen* a moment ago; None if it has gone.

    *pulse* is called between chunks; what it raises ends the reading.
    """
    kind = kind_of(path)
    try:
        for _ in range(TRIES):
            stamp, digest = read(path, pulse)
            if digest is not None:
                return Entry(stamp, kind, sha256=digest)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Entry(seen, kind, problem=error.strerror or str(error))
    return Entry(seen, kind, problem=f"It changed while it was read, {TRIES} times")


def read(path: Path, pulse: Callable[[], None]) -> tuple[Stamp, str | None]:
    """The stamp and the SHA-256 of the file at *path*; no digest if it changed meanwhile."""
    with open(os.open(path, FLAGS), "rb", buffering=0) as file:  # noqa: PTH123 - a Path cannot be opened with flags
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a file any more")
        stamp, digest = Stamp.of(status), hashlib.sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            pulse()
            if Stamp.of(os.fstat(file.fileno())) != stamp:
                return stamp, None
    return stamp, digest.hexdigest()


def kind_of(path: Path) -> str:
    """The type of a file, as far as its name tells."""
    kind, packed = mimetypes.guess_type(path.name, strict=False)
    return f"{kind or 'unknown'}{f' in {packed}' if packed else ''}"
