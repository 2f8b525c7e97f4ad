"""The rules of the house, as tests on source text. Each file has the rule on top and, below, planted sources that break it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"trioactors": ROOT, "trioactors_backends": ROOT / "backends"}


@pytest.fixture(scope="session")
def root() -> Path:
    """Where pyproject.toml is."""
    return ROOT


@pytest.fixture(scope="session")
def files() -> dict[str, Path]:
    """The files of the runtime and of the stores, by the name they are imported under."""
    return {
        ".".join(path.relative_to(room).with_suffix("").parts).removesuffix(".__init__"): path
        for package, room in ROOMS.items()
        for path in sorted((room / package).rglob("*.py"))
    }


@pytest.fixture(scope="session")
def sources(files: dict[str, Path]) -> dict[str, str]:
    """Their texts, by the same names."""
    return {name: path.read_text(encoding="utf-8") for name, path in files.items()}
