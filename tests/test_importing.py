"""What `import trioactors` loads, and what it leaves for those who need it. No time is measured: `python -m benchmarks.importing` does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LEFT_OUT = {
    "asyncio",
    "decimal",
    "email",
    "h11",
    "hypothesis",
    "importlib.metadata",
    "orjson",
    "prometheus_client",
    "pytest",
    "rich",
    "sqlite3",
    "sqlite_utils",
    "trio_websocket",
    "trioactors.cli",
    "trioactors.conformance",
    "trioactors.console",
    "trioactors.inspect",
    "trioactors.testing",
    "trioactors_backends",
    "zoneinfo",
}


def loaded(program: str) -> set[str]:
    """Names of the modules that a new Python has loaded at the end of *program*."""
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # coverage loads sqlite3
    command = [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, env=unmeasured, capture_output=True, text=True, check=True).stdout.split())


def test_it_loads_nothing_that_only_some_programs_need() -> None:
    assert loaded("import trioactors as ta; ta.Actor, ta.open_system") & LEFT_OUT == set()


@pytest.mark.parametrize("public", ["errors", "persistence", "serializer", "environment", "trace"])
def test_nor_do_its_public_submodules(public: str) -> None:
    assert loaded(f"import trioactors.{public}") & LEFT_OUT == set()


def test_the_libraries_it_stands_on_load_none_of_it_either() -> None:
    """Otherwise what is left out here would be there all the same."""
    assert loaded("import trio, attrs, cattrs") & LEFT_OUT == set()


def test_a_store_that_is_there_already_is_opened_without_sqlite_utils(tmp_path: Path) -> None:
    program = f"""
import trioactors.persistence, trioactors.environment
store = trioactors.persistence.store_at("sqlite:///{tmp_path}/x.db")
store.open(trioactors.environment.Environment())
store.close()
"""

    assert "sqlite_utils" in loaded(program)
    assert "sqlite_utils" not in loaded(program)
