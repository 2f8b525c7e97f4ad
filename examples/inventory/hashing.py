"""Read one file and describe it. This is blocking code, for a thread.

The digest of a file that changed while it was read is wrong. So its status is checked after each chunk, and if it has changed, the file is
read again. (After each chunk, because a log may grow as fast as it is read.)
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
"""A file may have been replaced by a link (refused) or by a pipe without a writer (opened without waiting)."""


def examine(path: Path, seen: Stamp, *, pulse: Callable[[], None]) -> Entry | None:
    """Return the entry for the file at *path*, which had the stamp *seen* a moment ago; None if the file has gone.

    *pulse* is called between chunks; if it raises, reading stops.
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
    """Return the stamp and the SHA-256 of the file at *path*; no digest if it changed while it was read."""
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
    """Guess the type of a file by its name."""
    kind, packed = mimetypes.guess_type(path.name, strict=False)
    return f"{kind or 'unknown'}{f' in {packed}' if packed else ''}"
