"""Errors and values as text: as Python prints them, but bounded in length, robust against broken methods, and without secrets.

Python prints an error by its `str`, and for an attrs class or a dataclass that shows all fields. So an error with secret fields is shown by
its `repr`, which leaves them out. Tracebacks show the lines of code, but never the values of variables.
"""

from __future__ import annotations

import dataclasses
import reprlib
import traceback
from collections.abc import Callable, Iterator
from typing import Final, cast

import attrs
import trio

__all__ = ["awaited_at", "described", "grouped", "hides_something", "is_long", "keeps_secrets", "told", "traceback_text"]


def described(value: object, form: Callable[[object], str] = str) -> str:
    """*value* as text by *form*, even if its own methods fail.

    If its class has secret fields (`repr=False`), its `repr` is used, as its `str` could show them. A long text is cut.
    """
    try:
        text = repr(value) if keeps_secrets(value) else form(value) or repr(value)
        return text if len(text) <= _MESSAGE else f"{text[:_MESSAGE]}... ({len(text) - _MESSAGE:,} characters more)"
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: ASYNC103 - a broken repr must not turn a report into a second failure, or end the program by a SystemExit
        return f"<{type(value).__name__}, which cannot be shown>"  # noqa: ASYNC104 - no wait, so no Cancelled


def keeps_secrets(value: object) -> bool:
    """Whether *value* is of an attrs class or a dataclass with secret fields (`repr=False`)."""
    kind = type(value)
    if attrs.has(kind):
        return any(field.repr is not True for field in attrs.fields(kind))
    return dataclasses.is_dataclass(kind) and any(not field.repr for field in dataclasses.fields(kind))


_CHAIN: Final = 10
"""The number of errors of a chain or a group that are shown, and the depth to which groups are."""

_FRAMES: Final = 40
"""The number of frames of each error that are shown, the innermost ones."""

_MESSAGE: Final = 2_000
"""The number of characters of an error's message that are shown."""

_CAUSED: Final = "\nThe above exception was the direct cause of the following exception:\n"

_DURING: Final = "\nDuring handling of the above exception, another exception occurred:\n"


def hides_something(error: BaseException | None) -> bool:
    """Whether *error*, one of its causes, or an error grouped in it has secret fields, which Python would print."""
    return any(keeps_secrets(each) for each in _all(error, set()))


def is_long(error: BaseException | None) -> bool:
    """Whether the text of *error*, of one of its causes, or of an error grouped in it would be cut."""
    return any(len(described(each)) > _MESSAGE or _has_long_notes(each) for each in _all(error, set()))


def _has_long_notes(error: BaseException) -> bool:
    notes: list[object] = getattr(error, "__notes__", [])
    return len(notes) > _CHAIN or any(len(described(note)) > _MESSAGE for note in notes)


def _all(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for other in (error.__cause__, error.__context__, *grouped(error)):
        yield from _all(other, seen)


def grouped(error: BaseException) -> tuple[BaseException, ...]:
    """The errors that *error* contains, if it is a group."""
    return cast("BaseExceptionGroup[BaseException]", error).exceptions if isinstance(error, BaseExceptionGroup) else ()


def traceback_text(error: BaseException) -> str:
    """*error* as text, with its traceback, its causes and the errors grouped in it."""
    return "\n".join(_lines(error, set(), 0))


def _lines(error: BaseException, seen: set[int], depth: int) -> Iterator[str]:
    seen.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and id(cause) not in seen and len(seen) <= _CHAIN:
        yield from _lines(cause, seen, depth)
        yield _CAUSED if cause is error.__cause__ else _DURING
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        frames = traceback.extract_tb(error.__traceback__, limit=-_FRAMES)
        yield "".join(traceback.format_list(frames)).rstrip("\n")
    name = type(error).__qualname__
    said = described(error)
    yield said if said.startswith(f"{name}(") else f"{name}: {said}"
    notes = getattr(error, "__notes__", ())
    yield from (f"{note!s:.{_MESSAGE}}" for note in notes[:_CHAIN])
    if len(notes) > _CHAIN:
        yield f"and {len(notes) - _CHAIN} notes more"
    parts = grouped(error)
    for part in parts[:_CHAIN] if depth < _CHAIN else ():
        yield from (f"  | {line}" for line in "\n".join(_lines(part, seen, depth + 1)).splitlines())
    if len(parts) > _CHAIN:
        yield f"  | and {len(parts) - _CHAIN} more"


def awaited_at(task: trio.lowlevel.Task, *without: str) -> list[str]:
    """Where *task* waits, as lines of code, the outermost first; those in the packages *without* are left out."""
    return [
        f"{frame.f_code.co_filename.rpartition('/')[2]}:{line} in {frame.f_code.co_name}"
        for frame, line in task.iter_await_frames()
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in without
    ]


_short = reprlib.Repr()
_short.maxstring, _short.maxother, _short.maxlist, _short.maxdict = 200, 400, 10, 10


def told(value: object) -> str:
    """The `repr` of *value*, bounded in length. Raises what that raises."""
    return _short.repr(value)
