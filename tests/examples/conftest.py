"""The programs in examples/, as modules; their `main` runs in virtual time.

A program that is a folder imports its modules from that folder, as it does when it runs. Here the folder is last on the import path.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from trioactors.testing import run

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.append(str(EXAMPLES / "inventory"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports one program by its name."""

    def loading(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        spec.loader.exec_module(module)
        return module

    return loading


@pytest.fixture
def printed(load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]) -> Callable[[str], list[str]]:
    """Runs one program in virtual time; the lines that it printed."""

    def running(name: str) -> list[str]:
        run(load(name).main)
        return capsys.readouterr().out.splitlines()

    return running
