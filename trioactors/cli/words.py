r"""What the terminal gets to see.

Names and data are anybody's: they may hold control characters that would move the cursor or fake a line. So everything is said through
`say` and `warn`, which let printable characters through and escape all others. A name is shown in a form that can be typed again: a
backslash is `\\`, and `\n`, `\x1b`, `\u2028`, `\U0001f600` are what they are in Python. `named` reads that form; a name without
backslashes and hidden characters is its own.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Sequence
from typing import Any, TextIO

__all__ = ["OutputLost", "counted", "flush", "make_encodable", "named", "plain", "pretty", "repaint", "say", "shown", "warn"]

_ESCAPE = re.compile(r"\\(?:([\\ntr]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|.?)", re.DOTALL)


class OutputLost(Exception):
    """What is said cannot be written; its cause says why."""


def shown(name: str) -> str:
    """*name* as it is shown and can be typed."""
    return plain(name.replace("\\", "\\\\"))


def named(text: str) -> str:
    """The name that was typed as *text*. Raises ValueError."""
    name = _ESCAPE.sub(_unescaped, text)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{plain(text)} is no Unicode text") from None
    return name


def plain(text: str) -> str:
    """*text* with what is not printable escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def pretty(value: Any) -> list[str]:
    """A JSON value as lines, still JSON, with what is not printable escaped as JSON has it."""
    lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
    return ["".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line) for line in lines]


def counted(count: int, what: str) -> str:
    """*count* things, in words."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def say(line: str = "") -> None:
    """Print one line."""
    _print(plain(line), sys.stdout)


def repaint(lines: Sequence[str]) -> None:
    """Print the lines over those that were printed by the last call. Only the codes that every terminal since the VT100 knows are used."""
    rest = "".join(f"{plain(line)}\x1b[K\n" for line in lines)
    _print(f"\x1b[H{rest}\x1b[J", sys.stdout, end="")
    flush()


def warn(line: str) -> None:
    """Print one line on stderr, after everything that was said before it."""
    flush()
    _print(f"trioactors: {plain(line)}", sys.stderr)


def flush() -> None:
    """Let everything that was said be read."""
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
    """Let what a terminal's encoding does not have be escaped as well, in the form that `named` reads."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _unescaped(match: re.Match[str]) -> str:
    try:
        if match[1] is not None:
            return match[0].encode("ascii").decode("unicode_escape")
    except UnicodeDecodeError:  # there are not that many characters
        pass
    raise ValueError(f"{plain(match[0])} is no escape: a backslash is written \\\\, other characters as \\n, \\x1b or \\u2028")
