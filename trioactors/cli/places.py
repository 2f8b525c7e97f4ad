"""The location of a store, and opening it there: without creating it, and for inspection also if it is damaged."""

from __future__ import annotations

import itertools
import os
import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import attrs

from trioactors.cli.refusals import Refused
from trioactors.environment.environment import Environment
from trioactors.errors import BackendMissing, BadStoreURL
from trioactors.persistence.options import Address, Creation, Limits, Verification
from trioactors.persistence.store import Store
from trioactors.persistence.urls import parse, store_at

__all__ = ["Place", "free_path"]

_NO_LIMITS = Limits(key_bytes=sys.maxsize, record_bytes=sys.maxsize)
"""The commands write only records that were stored before, so the size limits of the program do not apply."""


@attrs.frozen
class Place:
    """The location of a store."""

    address: Address

    @classmethod
    def of(cls, url: str) -> Place:
        """Parse a store URL. Raises `Refused` for a store in memory."""
        address = parse(url)
        if address.scheme == "memory":
            raise Refused("a store in memory ends with its program, so it cannot be opened. Use the URL of a store on disk.")
        return cls(address)

    @property
    def url(self) -> str:
        """The URL as given."""
        return self.address.url

    @property
    def typed(self) -> str:
        """The URL quoted for a shell."""
        return shlex.quote(self.url)

    @property
    def unverified(self) -> bool:
        """Whether the URL turns off verification."""
        return self.address.options.get("verify") == Verification.NONE.value

    @property
    def path(self) -> Path | None:
        """The file or folder of the store; None if it does not exist."""
        return Path(self.address.path) if self.address.path and os.path.lexists(self.address.path) else None

    def at(self, path: Path) -> Place:
        """The same kind of store, with the same options, at *path*."""
        options = {name: value for name, value in self.address.options.items() if name not in ("verify", "create")}
        query = f"?{urlencode(options)}" if options else ""
        return Place(parse(f"{self.address.scheme}:///{quote(os.fsencode(path.absolute()))}{query}"))

    @contextmanager
    def opened(self, verify: Verification | None = None) -> Generator[Store]:
        """Open the existing store. It is verified as *verify* says, by default as the URL says. Raises the errors of opening."""
        forced = {"create": Creation.REFUSE.value} | ({} if verify is None else {"verify": verify.value})
        with _open(self._store(forced, verify)) as store:
            yield store

    @contextmanager
    def made(self) -> Generator[Store]:
        """Create a new store and open it."""
        with _open(store_at(self.url, limits=_NO_LIMITS)) as store:
            yield store

    def _store(self, forced: dict[str, str], verify: Verification | None) -> Store:
        """The store with its options overridden by *forced*, if it supports them."""
        query = urlencode({**self.address.options, **forced})
        try:
            return store_at(f"{self.url.partition('?')[0]}?{query}", limits=_NO_LIMITS)
        except BackendMissing:
            raise
        except BadStoreURL:
            store = store_at(self.url, limits=_NO_LIMITS)  # raises if the URL itself is wrong
            if verify is Verification.NONE:
                raise Refused(f"{self.url} does not support verify=none, so it cannot be inspected while it is damaged") from None
            return store


@contextmanager
def _open(store: Store) -> Generator[Store]:
    store.open(Environment())
    try:
        yield store
    finally:
        store.close()


def free_path(path: Path, word: str) -> Path:
    """An unused path beside *path*."""
    numbered = (path.with_name(f"{path.name}.{word}-{number}") for number in itertools.count(1))
    return next(candidate for candidate in numbered if not os.path.lexists(candidate))
