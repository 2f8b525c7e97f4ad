"""Whose code is it that calls, and where is that line: asked of the frames of the running program, and of tracebacks."""

from __future__ import annotations

import os
import weakref
from collections.abc import Container, Iterator
from types import FrameType, TracebackType
from typing import Final

__all__ = [
    "OURS",
    "RUNNERS",
    "SIMULATOR",
    "belongs",
    "callers",
    "cleans_up",
    "nearest",
    "of_application",
    "raised_through",
    "standard",
]

_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - compared as text

_INSTALLED: Final = f"{os.sep}site-packages{os.sep}"
_FINALIZERS: Final = str(weakref.__file__)

SIMULATOR: Final = ("trio", "outcome")
"""The packages that every call in a simulation goes through."""

RUNNERS: Final = ("_pytest", "pytest", "pluggy", "coverage")
"""Those that run tests, and watch them."""

OURS: Final = (*SIMULATOR, *RUNNERS, "trioactors", "trioactors_backends")
"""Whatever is no part of the application under test, nor of what it stands on."""


def standard(path: str) -> bool:
    """Whether the code there came with Python."""
    return path.startswith(("<frozen", _LIBRARY)) and _INSTALLED not in path


def of_application(frame: FrameType) -> bool:
    """Whether it is code of the application under test itself: none that came with Python, or was installed beside it."""
    path = frame.f_code.co_filename
    return not (standard(path) or _INSTALLED in path or belongs(frame, OURS))


def callers(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """*frame* and who called it, each with its line."""
    while frame is not None:
        yield frame, frame.f_lineno
        frame = frame.f_back


def raised_through(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """The frames that *error* has left, the innermost first, each with its line."""
    found: list[tuple[FrameType, int]] = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        found.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return reversed(found)


def belongs(frame: FrameType, packages: Container[str]) -> bool:
    """Whether its code is part of one of the *packages*."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in packages


def cleans_up(frame: FrameType | None) -> bool:
    """Whether Python is just throwing away an object that nobody has any more: then whoever runs meanwhile has nothing to do with it."""
    for caller, _ in callers(frame):
        if caller.f_code.co_name == "__del__" or caller.f_code.co_filename == _FINALIZERS:
            return True
        if not standard(caller.f_code.co_filename):
            return False
    return False


def nearest(frames: Iterator[tuple[FrameType, int]], *, beyond: Container[str] = SIMULATOR, not_in: str = "") -> str | None:
    """The first line that belongs neither to Python, nor to a package in *beyond*, nor to the file *not_in*."""
    for frame, line in frames:
        path = frame.f_code.co_filename
        if not standard(path) and not belongs(frame, beyond) and path != not_in:
            return f"{path}:{line} in {frame.f_code.co_name}"
    return None
