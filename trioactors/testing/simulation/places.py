"""Find which package a frame belongs to, and the nearest line of user code in a stack or a traceback."""

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
"""Packages that every call in a simulation passes through."""

RUNNERS: Final = ("_pytest", "pytest", "pluggy", "coverage")
"""Packages that run and measure tests."""

OURS: Final = (*SIMULATOR, *RUNNERS, "trioactors", "trioactors_backends")
"""Packages that belong neither to the application under test nor to its dependencies."""


def standard(path: str) -> bool:
    """Whether the file at *path* is part of Python."""
    return path.startswith(("<frozen", _LIBRARY)) and _INSTALLED not in path


def of_application(frame: FrameType) -> bool:
    """Whether the code is the application's own: neither part of Python nor an installed package."""
    path = frame.f_code.co_filename
    return not (standard(path) or _INSTALLED in path or belongs(frame, OURS))


def callers(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """*frame* and its callers, each with its line."""
    while frame is not None:
        yield frame, frame.f_lineno
        frame = frame.f_back


def raised_through(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """The frames that *error* passed through, innermost first, each with its line."""
    found: list[tuple[FrameType, int]] = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        found.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return reversed(found)


def belongs(frame: FrameType, packages: Container[str]) -> bool:
    """Whether the code is part of one of *packages*."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in packages


def cleans_up(frame: FrameType | None) -> bool:
    """Whether a finalizer is running: it interrupts code that has nothing to do with it."""
    for caller, _ in callers(frame):
        if caller.f_code.co_name == "__del__" or caller.f_code.co_filename == _FINALIZERS:
            return True
        if not standard(caller.f_code.co_filename):
            return False
    return False


def nearest(frames: Iterator[tuple[FrameType, int]], *, beyond: Container[str] = SIMULATOR, not_in: str = "") -> str | None:
    """The first line that is neither in Python, nor in a package in *beyond*, nor in the file *not_in*."""
    for frame, line in frames:
        path = frame.f_code.co_filename
        if not standard(path) and not belongs(frame, beyond) and path != not_in:
            return f"{path}:{line} in {frame.f_code.co_name}"
    return None
