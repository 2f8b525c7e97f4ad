"""The memory store keeps the contract of stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from trioactors.persistence import Store
from trioactors.testing.stores import StoreContract
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.memory import MemoryStore


class TestMemoryStore(StoreContract):
    on_disk = False

    @pytest.fixture(autouse=True)
    def _shelves(self) -> None:
        self.stores: dict[Path, MemoryStore] = {}

    def make(self, path: Path) -> Store:
        return self.stores.setdefault(path, MemoryStore())

    def restored(self, copy: Path) -> Store:
        return FilesystemStore(copy)
