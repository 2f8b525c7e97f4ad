"""Whose code is it that calls, and where is that line: asked of the frames of the running program, and of tracebacks."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from types import FrameType, TracebackType
from typing import Final

__all__ = ["SIMULATOR", "callers", "nearest", "raised_through", "standard"]

_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - compared as text

SIMULATOR: Final = ("trio", "outcome")
"""The packages that every call in a simulation goes through."""


def standard(path: str) -> bool:
    """Whether the code there came with Python."""
    return path.startswith(("<frozen", _LIBRARY)) and f"{os.sep}site-packages{os.sep}" not in path


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


def nearest(frames: Iterator[tuple[FrameType, int]], *, beyond: Container[str] = SIMULATOR, not_in: str = "") -> str | None:
    """The first line that belongs neither to Python, nor to a package in *beyond*, nor to the file *not_in*."""
    for frame, line in frames:
        path, package = frame.f_code.co_filename, str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if not standard(path) and package not in beyond and path != not_in:
            return f"{path}:{line} in {frame.f_code.co_name}"
    return None
