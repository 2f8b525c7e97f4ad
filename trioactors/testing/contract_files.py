"""The promises of every store about its files: deleted, moved, emptied, damaged, and where a backup goes. Part of `StoreContract`."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trioactors.environment.environment import Environment
from trioactors.errors import Outcome, StoreError, StoreUnavailable
from trioactors.persistence.store import Store
from trioactors.testing.contract_life import contents, perform, states_of_the_script
from trioactors.testing.contract_records import ContractBase, names_of, put

__all__ = ["FilesContract"]

_DAMAGES = 96
"""The number of places at which a store is damaged, one at a time."""


@contextmanager
def _damaged(file: Path, at: int) -> Generator[None]:
    """Flip one bit of *file* in the block, and restore all files after it."""
    before = {sibling: sibling.read_bytes() for sibling in file.parent.iterdir() if sibling.is_file()}
    content = bytearray(before[file])
    content[at] ^= 1 << (at % 8)
    file.write_bytes(content)
    try:
        yield
    finally:
        for sibling in file.parent.iterdir():
            if sibling not in before:
                sibling.unlink()
        for sibling, original in before.items():
            sibling.write_bytes(original)


class FilesContract(ContractBase):
    """What becomes of a store whose files are changed by others."""

    @pytest.fixture
    def closed(self, path: Path) -> Store:
        """A store that was never opened."""
        return self.make(path)

    def test_deleted_while_in_use(self, store: Store, path: Path) -> None:
        self.needs_another_process()
        store.commit([put("a", b"")])
        for file in path.parent.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()

        with pytest.raises(StoreUnavailable, match="deleted") as caught:
            store.commit([put("a", b"lost?", expected=1)])

        assert caught.value.outcome is Outcome.FAILED
        store.close()

    @pytest.mark.parametrize("what", ["its files", "the folder around it"])
    def test_moved_while_in_use(self, store: Store, path: Path, environment: Environment, what: str) -> None:
        """Another store is put in its place: nothing more is written, neither to the one that moved nor to the other."""
        self.needs_another_process()
        store.commit([put("a", b"")])
        away = path.parent.with_name("away")
        if what == "the folder around it":
            path.parent.rename(away)
            path.parent.mkdir()
        else:
            away.mkdir()
            for file in path.parent.iterdir():
                file.rename(away / file.name)
        other = self.make(path)
        other.open(environment)
        other.commit([put("b", b"other")])

        with pytest.raises(StoreUnavailable, match="moved") as caught:
            store.commit([put("a", b"lost?", expected=1)])
        store.close()

        assert caught.value.outcome is Outcome.FAILED
        other.commit([put("c", b"other")])
        other.close()
        other.open(environment)
        assert names_of(other) == ["b", "c"]
        other.close()

    @pytest.mark.parametrize("below", ["", "copy"], ids=["the path itself", "a folder in it"])
    def test_a_backup_follows_no_link_that_leads_nowhere(self, store: Store, path: Path, below: str) -> None:
        link = path.with_name("link")
        link.symlink_to(path.with_name("nowhere"))

        with pytest.raises(StoreUnavailable, match="backup"):
            store.backup(link / below)

        assert not path.with_name("nowhere").exists()

    def test_damage_is_refused_or_reported(self, closed: Store, path: Path, environment: Environment) -> None:
        """Flip one bit at a time, at many places: the store never returns other data than was written."""
        self.needs_another_process()
        closed.open(environment)
        perform(closed, lambda _: None)
        closed.close()
        files = [file for file in sorted(path.parent.rglob("*")) if file.is_file()]
        places = [(file, at) for file in files for at in range(file.stat().st_size)]
        for file, at in places[:: max(1, len(places) // _DAMAGES)]:
            with _damaged(file, at):
                assert self._honest(closed, environment), f"{file.name} at {at}"

    @pytest.mark.parametrize(
        "size", [None, 0, 1, 16, 99, 100, 4096], ids=lambda size: "removed" if size is None else f"{size} bytes"
    )
    def test_a_store_that_was_emptied_is_refused(
        self, closed: Store, path: Path, environment: Environment, size: int | None
    ) -> None:
        """Remove each file, or cut it short: the store never opens as a new one, and a second opening refuses it as well."""
        self.needs_another_process()
        closed.open(environment)
        perform(closed, lambda _: None)
        closed.close()
        files = {file: file.read_bytes() for file in path.parent.rglob("*") if file.is_file()}
        for file, content in files.items():
            if size is None:
                file.unlink()
            else:
                file.write_bytes(content[:size])
            for _ in range(2):
                assert self._honest(closed, environment), file.name
            for every, original in files.items():
                every.write_bytes(original)

        assert self._honest(closed, environment)

    def _honest(self, store: Store, environment: Environment) -> bool:
        try:
            store.open(environment)
        except StoreError:
            return True
        try:
            return contents(store) in (None, states_of_the_script()[-1])
        except StoreError:
            return True
        finally:
            store.close()
