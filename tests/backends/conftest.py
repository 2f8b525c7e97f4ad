"""Fixtures for the tests of stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from trioactors.environment import Environment


@pytest.fixture
def environment() -> Environment:
    """The real environment."""
    return Environment()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The place of a store that is one file."""
    return tmp_path / "store.db"
