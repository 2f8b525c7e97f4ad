"""Optional packages, imported when they are needed. If one is missing, the error says what to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from trioactors.errors import SpecError

__all__ = ["check_installed", "h11", "sockets"]


def _extra(module: str, extra: str, purpose: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise SpecError(f"{purpose} needs the package {error.name}: pip install 'trioactors[{extra}]'") from None


def check_installed() -> None:
    """Check that the packages for a console are installed. Raises `SpecError`, which says what to install."""
    h11()
    sockets()


def sockets() -> ModuleType:
    """Import `trio_websocket`. Raises `SpecError`."""
    return _extra("trio_websocket", "console", "the console")


def h11() -> ModuleType:
    """Import `h11`, which parses HTTP requests. Raises `SpecError`."""
    return _extra("h11", "console", "the console")
