"""The token for a console: from the environment, from a file, or typed. Never from the command line, which every user can read."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
from pathlib import Path
from typing import Final

from trioactors.cli.parsers import TOKEN
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.words import plain

__all__ = ["token_of"]

_TYPED: Final = "-"
_LONGEST: Final = 1_000
_VALID: Final = re.compile(rf"[!-~]{{1,{_LONGEST}}}")


def token_of(options: argparse.Namespace) -> str | None:
    """The token that the user gave, or None. Raises `Refused` if it is none."""
    path: str | None = options.token_file
    if path is None:
        given = os.environ.get(TOKEN, "").strip()
        return _checked(given, f"the environment variable {TOKEN}") if given else None
    if path == _TYPED:
        return _checked(_asked(), "the input")
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return _checked(file.readline(_LONGEST + 2).strip(), plain(path))
    except OSError as error:
        raise Refused(f"the token cannot be read: {error}", ExitCode.USAGE) from None


def _asked() -> str:
    """Ask for the token without showing it; if the input is no terminal, read its first line."""
    try:
        return (getpass.getpass("Token: ", sys.stderr) if sys.stdin.isatty() else sys.stdin.readline(_LONGEST + 2)).strip()
    except EOFError:
        return ""


def _checked(token: str, where: str) -> str:
    if _VALID.fullmatch(token) is None:
        raise Refused(f"there is no token in {where}: it must be one line of printable ASCII without spaces", ExitCode.USAGE)
    return token
