r"""Terminal output, with escaping.

Names and data may contain control characters that would move the cursor or forge a line. All output therefore goes through `say` and
`warn`, which escape every character that is not printable. A name is shown in a form that can be typed again: a backslash is `\\`, and
`\n`, `\x1b`, `\u2028`, `\U0001f600` mean what they mean in Python. `named` reads that form. A name without backslashes and unprintable
characters is shown unchanged.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any, TextIO

__all__ = [
    "OutputLost",
    "counted",
    "flush",
    "make_encodable",
    "named",
    "plain",
    "pretty",
    "repaint",
    "say",
    "say_raw",
    "shown",
    "warn",
]

_ESCAPE = re.compile(r"\\(?:([\\ntr]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|.?)", re.DOTALL)


class OutputLost(Exception):
    """The output cannot be written; the cause says why."""


def shown(name: str) -> str:
    """*name* escaped, in the form in which it can be typed."""
    return plain(name.replace("\\", "\\\\"))


def named(text: str) -> str:
    """The name that was typed as *text*. Raises `ValueError` if it has an invalid escape."""
    name = _ESCAPE.sub(_unescaped, text)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{plain(text)} is not valid Unicode") from None
    return name


def plain(text: str) -> str:
    """*text* with unprintable characters escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def pretty(value: Any) -> list[str]:
    """A JSON value as lines of JSON, with unprintable characters escaped."""
    lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
    return ["".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line) for line in lines]


def counted(count: int, what: str) -> str:
    """A number with its noun: `1 record`, `3 records`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def say(line: str = "") -> None:
    """Print one line."""
    _print(plain(line), sys.stdout)


def repaint(lines: Sequence[str], styles: Sequence[str] = (), *, end: str = "\n") -> None:
    """Print the lines over those of the last call, with escape codes that every terminal since the VT100 supports.

    A style is the number of an attribute, such as `7` for reverse video, or empty.
    """
    styled = zip(lines, chain(styles, repeat("")), strict=False)
    rest = "\x1b[K\n".join(f"\x1b[{style}m{plain(line)}\x1b[0m" if style else plain(line) for line, style in styled)
    _print(f"\x1b[H{rest}\x1b[K{end}\x1b[J", sys.stdout, end="")
    flush()


def say_raw(codes: str) -> None:
    """Send escape codes of our own to the terminal."""
    _print(codes, sys.stdout, end="")


def warn(line: str) -> None:
    """Print one line on stderr, after all earlier output."""
    flush()
    _print(f"trioactors: {plain(line)}", sys.stderr)


def flush() -> None:
    """Flush the output."""
    try:
        print(end="", flush=True)
    except OSError as error:
        raise OutputLost from error


def _print(line: str, stream: TextIO, *, end: str = "\n") -> None:
    try:
        print(line, file=stream, end=end)
    except OSError as error:
        raise OutputLost from error


def make_encodable() -> None:
    """Also escape characters that the terminal's encoding cannot express, in the form that `named` reads."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _unescaped(match: re.Match[str]) -> str:
    try:
        if match[1] is not None:
            return match[0].encode("ascii").decode("unicode_escape")
    except UnicodeDecodeError:  # beyond the last code point
        pass
    raise ValueError(f"{plain(match[0])} is not an escape: a backslash is written \\\\, other characters as \\n, \\x1b or \\u2028")
