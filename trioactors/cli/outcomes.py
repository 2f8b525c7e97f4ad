"""Carrying a command out: the function that does it, and the exit code of each error that it may end with."""

from __future__ import annotations

import argparse

from trioactors.cli.program import function_of
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.words import flush, warn
from trioactors.errors import BackendMissing, BadStoreURL, StoreLocked, TrioactorsError

__all__ = ["carry_out"]


def carry_out(options: argparse.Namespace) -> ExitCode:
    """Run the command; report an error in one line."""
    try:
        code = function_of(options.run)(options)
        flush()
    except Refused as error:
        return _ended(error.code, error)
    except StoreLocked as error:
        return _ended(ExitCode.IN_USE, error)
    except BackendMissing as error:
        return _ended(ExitCode.REFUSED, error)
    except BadStoreURL as error:
        return _ended(ExitCode.USAGE, error)
    except (TrioactorsError, OSError, UnicodeError) as error:
        return _ended(ExitCode.REFUSED, error)
    return code


def _ended(code: ExitCode, error: Exception) -> ExitCode:
    warn(str(error))
    return code
