"""Tracebacks as data: the errors of a failure in order, each with its frames, and which of them are the user's own code.

A reader looks for one line: the innermost one of the program itself. So each frame says whether it is `own` code, or belongs to Python,
Trio, trioactors or an installed package. A program may be installed as a package too. If there is no own code otherwise, its package is
taken to be that of the outermost frame which does not belong to Python, Trio or trioactors: the function that the runtime has called.

As in a crash report, everything is bounded, secrets stay out of the texts of errors, and no values of variables are shown.
"""

from __future__ import annotations

import linecache
import sysconfig
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import islice
from traceback import walk_tb
from types import TracebackType
from typing import Final

import attrs
import trio

from trioactors.trace.formatting import described, grouped

__all__ = ["ErrorFrame", "ErrorLink", "RaisedError", "package_of", "raised_errors"]

_ERRORS: Final = 10
"""Errors shown of a failure."""
_FRAMES: Final = 40
"""Frames shown of each error: the innermost."""
_NOTES: Final = 10
_LINE: Final = 200
"""Characters shown of a line of code."""
_TEXT: Final = 2_000
"""Characters shown of the text of an error, and of a note."""


class ErrorLink(Enum):
    """How an error is related to the one that it is shown after."""

    RAISED = "raised"
    """It is the error that ended the child."""
    CAUSE = "cause"
    """It was given as the direct cause (`raise ... from`)."""
    CONTEXT = "context"
    """It was being handled when the other was raised."""
    PART = "part"
    """The other is a group, and contains it."""


@attrs.frozen(kw_only=True)
class ErrorFrame:
    """A frame of a traceback."""

    file: str
    line: int
    function: str
    code: str
    """The source line; empty if it is not available."""
    own: bool
    """Whether it is the program's own code."""
    package: str
    """The package or library that it belongs to; empty for a file outside all of them."""


@attrs.frozen(kw_only=True)
class RaisedError:
    """An error of a failure."""

    type: str
    text: str
    link: ErrorLink
    depth: int
    """The number of groups that contain it."""
    notes: tuple[str, ...]
    frames: tuple[ErrorFrame, ...]
    """Outermost first."""
    left_out: int
    """Outer frames left out."""
    parts: int
    """Errors that it contains, if it is a group; those beyond the first ten errors of a failure are left out."""


def raised_errors(error: BaseException | None) -> tuple[RaisedError, ...]:
    """*error*, then its causes and the errors grouped in it, each after the one that led to it: at most ten."""
    found = tuple(islice(_errors(error, ErrorLink.RAISED, 0, set()), _ERRORS))
    if any(frame.own for each in found for frame in each.frames):
        return found
    outermost = (frame.package for each in found for frame in each.frames if frame.package not in {"", *_RUNTIME})
    program = next(outermost, None)
    return found if program is None else tuple(_owned(each, program) for each in found)


def package_of(file: str, libraries: Sequence[tuple[str, str]]) -> str:
    """The package that *file* belongs to; empty for a file outside all of them.

    *libraries* are pairs of a folder and the name of what is in it. Below `site-packages` and `dist-packages`, it is the name of the
    package. Code without a file (`<frozen importlib>`, `<attrs generated ...>`) is made by libraries, unless it was typed in.
    """
    path = file.replace("\\", "/")
    if path.startswith("<"):
        return "" if path in _TYPED_IN else "python"
    named = next((name for folder, name in libraries if path.startswith(f"{folder}/")), None)
    parts = path.split("/")
    installed = max((place for place, part in enumerate(parts) if part in _INSTALLED), default=None)
    if installed is not None and named in {None, "python"}:  # they are also below the folder of Python's own library
        return parts[installed + 1].removesuffix(".py")
    return named or ""


_TYPED_IN: Final = ("<stdin>", "<string>", "<console>")
_INSTALLED: Final = ("site-packages", "dist-packages")
_RUNTIME: Final = ("python", "trio", "trioactors", "trioactors_backends")


def _folder(file: str, levels: int) -> str:
    return file.replace("\\", "/").rsplit("/", levels)[0]


_LIBRARIES: Final = (
    (_folder(__file__, 2), "trioactors"),
    (_folder(trio.__file__, 1), "trio"),
    (_folder(linecache.__file__, 1), "python"),
    (sysconfig.get_path("stdlib").replace("\\", "/"), "python"),
    (sysconfig.get_path("platstdlib").replace("\\", "/"), "python"),
)
"""The folders of the runtime and of Python's own library, as files in them are named when they are imported."""


def _errors(error: BaseException | None, link: ErrorLink, depth: int, seen: set[int]) -> Iterator[RaisedError]:
    if error is None or id(error) in seen or depth > _ERRORS:
        return
    seen.add(id(error))
    parts = grouped(error)
    frames, left_out = _frames(error.__traceback__)
    yield RaisedError(
        type=type(error).__qualname__,
        text=described(error)[:_TEXT],
        link=link,
        depth=depth,
        notes=tuple(described(note)[:_TEXT] for note in getattr(error, "__notes__", ())[:_NOTES]),
        frames=frames,
        left_out=left_out,
        parts=len(parts),
    )
    for part in parts:
        yield from _errors(part, ErrorLink.PART, depth + 1, seen)
    if error.__cause__ is not None:
        yield from _errors(error.__cause__, ErrorLink.CAUSE, depth, seen)
    elif not error.__suppress_context__:
        yield from _errors(error.__context__, ErrorLink.CONTEXT, depth, seen)


def _frames(traceback: TracebackType | None) -> tuple[tuple[ErrorFrame, ...], int]:
    """The innermost frames of *traceback*, and the number of those left out."""
    walked = [(frame.f_code, line) for frame, line in walk_tb(traceback)]
    kept = walked[-_FRAMES:]
    return tuple(_frame(code.co_filename, line, code.co_qualname) for code, line in kept), len(walked) - len(kept)


def _frame(file: str, line: int | None, function: str) -> ErrorFrame:
    package = package_of(file, _LIBRARIES)
    code = "" if line is None else linecache.getline(file, line).strip()
    return ErrorFrame(file=file, line=line or 0, function=function, code=code[:_LINE], own=not package, package=package)


def _owned(error: RaisedError, program: str) -> RaisedError:
    """*error*, with the frames of the package *program* as own code."""
    frames = tuple(attrs.evolve(frame, own=frame.package == program) for frame in error.frames)
    return attrs.evolve(error, frames=frames)
