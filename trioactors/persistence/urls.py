"""Store URLs: `memory:`, `file:///folder`, `sqlite:///file.db`, and the schemes of installed packages.

Slashes are counted as in SQLAlchemy: the path begins after `scheme://` and one more slash, so three slashes make a relative
path and four an absolute one. Relative paths are made absolute here, once: a later change of directory moves no store.

A scheme belongs to the package that declares it in the entry point group `trioactors.backends`. A package is imported only when
its scheme is used. The schemes of trioactors itself are known without its metadata too (zipapps and frozen programs have none).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, unquote

from trioactors.errors import BadStoreURL
from trioactors.persistence.options import Address, Limits
from trioactors.persistence.store import Backend, Store

__all__ = ["GROUP", "EntryPoint", "installed", "parse", "store_at"]

GROUP = "trioactors.backends"
"""The entry point group in which packages name their stores, by scheme."""

_BUILT_IN: Mapping[str, str] = {
    "file": "trioactors_backends.filesystem:FilesystemStore",
    "memory": "trioactors_backends.memory:MemoryStore",
    "sqlite": "trioactors_backends.sqlite:SQLiteStore",
}
"""The entry points of this distribution, for programs that carry it without its metadata."""

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


def store_at(url: str | os.PathLike[str], *, limits: Limits | None = None, backends: Iterable[EntryPoint] | None = None) -> Store:
    """The store that *url* names, not yet open.

        store = store_at("sqlite:///counter.db?durability=relaxed")

    A path (`pathlib.Path`) instead of a URL is that of a database; if it is a folder, that of a `file:` store. *backends* replaces the
    installed entry points. Raises `BadStoreURL`.
    """
    given: Any = url
    if not isinstance(given, str | os.PathLike):
        raise BadStoreURL(f"{given!r:.80}", "a store is named by a URL, such as 'sqlite:///state.db', or by a path")
    known = {point.name: point for point in (installed() if backends is None else backends)}
    _check_scheme(url, known)
    address = parse(url if isinstance(url, str) else _url_of(Path(url)))
    if isinstance(url, str):
        _check_slashes(address)
    backend = _load(address, known)
    return backend.from_address(address, Limits() if limits is None else limits)


def _check_scheme(url: object, known: Mapping[str, EntryPoint]) -> None:
    """Refuse an unknown scheme first: whatever else is wrong with such a URL is no matter."""
    scheme, colon, _ = url.partition(":") if isinstance(url, str) else ("", "", "")
    if colon and _SCHEME.fullmatch(scheme) and scheme.lower() not in known:
        raise _unknown(str(url), scheme.lower(), known)


def _unknown(url: str, scheme: str, known: Mapping[str, EntryPoint]) -> BadStoreURL:
    names = ", ".join(sorted(known)) or "none"
    hint = "" if known else f". Stores are found by the entry points of {GROUP!r}: install the package, do not just import it"
    return BadStoreURL(url, f"no store has the scheme {scheme!r}; known schemes: {names}{hint}")


def parse(url: str) -> Address:
    """Take *url* apart. Raises `BadStoreURL`."""
    try:
        os.fsencode(url)
    except UnicodeEncodeError:
        raise BadStoreURL(
            url.encode("utf-8", "backslashreplace").decode(), "it contains half of a surrogate pair, which no file name can hold"
        ) from None
    scheme, colon, rest = url.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        raise BadStoreURL(url, f"it has no scheme. A file in this folder would be sqlite:///{url or 'state.db'}")
    location, _, query = rest.partition("?")
    return Address(url, scheme.lower(), _path(url, scheme, location), _options(url, query))


def installed() -> Iterable[EntryPoint]:
    """The entry points of the stores of all installed packages, and of this one even if it has no metadata."""
    from importlib.metadata import EntryPoint, entry_points  # noqa: PLC0415 - slow to import, and needed only when a store is named

    return [*(EntryPoint(scheme, value, GROUP) for scheme, value in _BUILT_IN.items()), *entry_points(group=GROUP)]


def _url_of(path: Path) -> str:
    scheme = "file" if path.is_dir() else "sqlite"
    _check_home(str(path), path)
    return f"{scheme}:///{quote(os.fsencode(path.absolute()))}"


def _check_home(url: str, path: Path) -> None:
    """Refuse `~`, which nothing here expands: a folder of that name would be made."""
    first = next((part for part in path.parts if part != path.anchor), "")
    if first.startswith("~"):
        raise BadStoreURL(url, f"{first} is not expanded. Write the absolute path, or ./{first} for a file of that name")


def _check_slashes(address: Address) -> None:
    """Refuse a relative path that looks like an absolute one with a slash too few, unless there is something at the relative path."""
    location, mark, query = address.url.partition(":")[2].partition("?")
    written = unquote(location[3:], errors="surrogateescape")
    path, absolute = Path(written), Path("/") / written
    if not path.parts or path.is_absolute() or address.path == str(absolute.resolve()) or os.path.lexists(address.path):
        return
    if path.parts[0] != ".." and not written.startswith("./") and (Path("/") / path.parts[0]).is_dir():
        begin, end = f"{address.scheme}:///", f"{location[3:]}{mark}{query}"
        raise BadStoreURL(
            address.url,
            f"three slashes make a relative path; there is nothing at {address.path} yet, but there is a folder /{path.parts[0]}. "
            f"Write {begin}/{end} for {absolute}, or {begin}./{end} for {address.path}",
        )


def _path(url: str, scheme: str, location: str) -> str:
    if not location:
        return ""
    if scheme.lower() == "memory":
        raise BadStoreURL(url, "a store in memory has no path; write memory:")
    if not location.startswith("///"):
        raise BadStoreURL(url, f"write {scheme}:///relative/path or {scheme}:////absolute/path; a host is not allowed")
    path = unquote(location[3:], errors="surrogateescape")  # a file name may be any bytes: %ff is one of them
    if "\0" in path:
        raise BadStoreURL(url, "a path must not contain NUL")
    _check_home(url, Path(path))
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
        raise _unknown(address.url, address.scheme, installed)
    try:
        backend: Any = point.load()
    except Exception as error:  # a plug-in may fail in any way; nothing passes this wall
        raise BadStoreURL(address.url, f"the store {point.value!r} cannot be loaded: {error}") from error
    if not hasattr(backend, "from_address"):
        raise BadStoreURL(address.url, f"{point.value!r} is not a store: it has no from_address")
    loaded: Backend = backend
    return loaded
