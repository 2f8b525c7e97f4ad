"""The errors that more than one store raises, each with one wording. Errors of a single store are written where it raises them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from trioactors.environment import forked
from trioactors.errors import StoreCorrupt, StoreLocked, StorePoisoned, StoreUnavailable, TrioactorsError

__all__ = ["absent", "already_open", "damaged", "deleted", "not_open", "poisoned", "sure", "sync_failed"]


def already_open(where: Path) -> StoreLocked:
    """`open` was called on a store that is open."""
    return StoreLocked(str(where), "this very store, which is open")


def not_open(store: str, *, left: bool) -> TrioactorsError:
    """A closed store was used. *left* says whether a fork has left it to the parent process."""
    return forked(store) if left else StoreUnavailable(f"{store} is not open")


def absent(where: str) -> StoreUnavailable:
    """There is no store, and the options do not allow making one."""
    return StoreUnavailable(f"there is no store {where}, and none is to be made (create=no)")


def deleted(where: Path) -> StoreUnavailable:
    """The paths of an open store no longer lead to its files."""
    return StoreUnavailable(
        f"{where} was deleted, moved or replaced while in use. Nothing more is written, because no later opening would find it."
    )


def damaged(where: str, problem: str) -> StoreCorrupt:
    """The store cannot say which records it holds."""
    return StoreCorrupt(
        f"{where}: {problem}. None of its records are served. Restore a backup, or save what can still be read with `trioactors repair`."
    )


def sync_failed(where: Path | str, problem: object) -> StorePoisoned:
    """A sync has failed just now."""
    return StorePoisoned(f"{where}: a sync failed ({problem}). Close the store and open it again.")


def poisoned(where: Path) -> StorePoisoned:
    """A sync failed earlier, so the open store must not be used."""
    return StorePoisoned(f"{where}: an earlier sync failed. Close the store and open it again.")


@contextmanager
def sure(where: Path) -> Generator[None]:
    """Put around a sync or a rename: if it fails, what is on the disk is unknown, and `StorePoisoned` is raised."""
    try:
        yield
    except OSError as error:
        raise sync_failed(where, error.strerror) from error
