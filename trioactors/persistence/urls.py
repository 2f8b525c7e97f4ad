"""Store URLs: `memory:`, `file:///folder`, `sqlite:///file.db`, and the schemes of installed packages.

Slashes are counted as in SQLAlchemy: the path begins after `scheme://` and one more slash, so three slashes make a relative
path and four an absolute one. Relative paths are made absolute here, once: a later change of directory moves no store.

A scheme belongs to the package that declares it in the entry point group `trioactors.backends`. A package is imported only when
its scheme is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

from trioactors.errors import BadStoreURL
from trioactors.persistence.options import Address, Limits
from trioactors.persistence.store import Backend, Store

__all__ = ["GROUP", "EntryPoint", "parse", "store_at"]

GROUP = "trioactors.backends"
"""The entry point group in which packages name their stores, by scheme."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


class EntryPoint(Protocol):
    """An entry point, as `importlib.metadata` returns them."""

    @property
    def name(self) -> str:
        """The scheme."""
        ...

    @property
    def value(self) -> str:
        """The class, as `module:Class`."""
        ...

    def load(self) -> Any:
        """Import the class."""
        ...


def store_at(url: str, *, limits: Limits | None = None, backends: Iterable[EntryPoint] | None = None) -> Store:
    """The store that *url* names, not yet open.

        store = store_at("sqlite:///counter.db?durability=relaxed")

    *backends* replaces the installed entry points. Raises `BadStoreURL`.
    """
    address = parse(url)
    installed = _installed() if backends is None else backends
    backend = _load(address, {point.name: point for point in installed})
    return backend.from_address(address, Limits() if limits is None else limits)


def parse(url: str) -> Address:
    """Take *url* apart. Raises `BadStoreURL`."""
    scheme, colon, rest = url.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        raise BadStoreURL(url, f"it has no scheme. A file in this folder would be sqlite:///{url or 'state.db'}")
    location, _, query = rest.partition("?")
    return Address(url, scheme.lower(), _path(url, scheme, location), _options(url, query))


def _installed() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import, and needed only when a store is named

    return entry_points(group=GROUP)


def _path(url: str, scheme: str, location: str) -> str:
    if not location:
        return ""
    if not location.startswith("///"):
        raise BadStoreURL(url, f"write {scheme}:///relative/path or {scheme}:////absolute/path; a host is not allowed")
    path = unquote(location[3:], errors="surrogateescape")  # a file name may be any bytes: %ff is one of them
    if "\0" in path:
        raise BadStoreURL(url, "a path must not contain NUL")
    return str(Path(path).resolve()) if path else ""


def _options(url: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in options:
            raise BadStoreURL(url, f"option {name!r} is given twice")
        options[name] = value
    return options


def _load(address: Address, installed: dict[str, EntryPoint]) -> Backend:
    point = installed.get(address.scheme)
    if point is None:
        known = ", ".join(sorted(installed)) or "none"
        hint = (
            "" if installed else f". Stores are found by the entry points of {GROUP!r}: install the package, do not just import it"
        )
        raise BadStoreURL(address.url, f"no store has the scheme {address.scheme!r}; known schemes: {known}{hint}")
    try:
        backend: Any = point.load()
    except Exception as error:  # a plug-in may fail in any way; nothing passes this wall
        raise BadStoreURL(address.url, f"the store {point.value!r} cannot be loaded: {error}") from error
    if not hasattr(backend, "from_address"):
        raise BadStoreURL(address.url, f"{point.value!r} is not a store: it has no from_address")
    loaded: Backend = backend
    return loaded
