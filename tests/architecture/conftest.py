"""The rules of the code base, as tests on source text. Each file states its rules first; below, planted sources break them."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"trioactors": ROOT, "trioactors_backends": ROOT / "backends"}


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def files() -> dict[str, Path]:
    """The files of the runtime and of the stores, by module name."""
    return {
        ".".join(path.relative_to(room).with_suffix("").parts).removesuffix(".__init__"): path
        for package, room in ROOMS.items()
        for path in sorted((room / package).rglob("*.py"))
    }


@pytest.fixture(scope="session")
def sources(files: dict[str, Path]) -> dict[str, str]:
    """The source of each file, by module name."""
    return {name: path.read_text(encoding="utf-8") for name, path in files.items()}
