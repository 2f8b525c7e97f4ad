"""Every module is on one floor, and no module imports the package as a whole.

The floors are in pyproject.toml, and import-linter (`nox -s floors`) checks that imports point down. This file checks what
import-linter cannot see: a module without a floor, an import of the whole package (which would tie every floor to every other),
and a store that imports more of the runtime than a store may.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

STORES_MAY_IMPORT = frozenset({"environment", "errors", "persistence", "serializer"})


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of every import in *source*, at any depth."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom(module=str() as module):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
            case _:
                pass


def floors(pyproject: str) -> list[set[str]]:
    """The modules of each floor, highest first."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "floors")
    return [set(re.findall(r"\w+", layer)) for layer in layers]


def without_a_floor(modules: set[str], pyproject: str) -> list[str]:
    """Modules of the runtime that are on no floor, or on two."""
    placed = [module for floor in floors(pyproject) for module in sorted(floor)]
    homeless = {name.split(".")[1] for name in modules if name.startswith("trioactors.")} - set(placed)
    twice = {module for module in placed if placed.count(module) > 1}
    return [f"trioactors.{name} is on no floor: give it one in pyproject.toml" for name in sorted(homeless)] + [
        f"trioactors.{name} is on two floors" for name in sorted(twice)
    ]


def whole_package(name: str, source: str, modules: set[str]) -> list[str]:
    """Imports of the whole package from inside it."""
    return [
        f"{name}:{line}: import {target} from the module that defines it"
        for line, target in imported(source)
        if name != "trioactors"
        and (target == "trioactors" or (target.startswith("trioactors.") and _parent(target, modules) == "trioactors"))
    ]


def _parent(target: str, modules: set[str]) -> str:
    """The module that an import of *target* loads."""
    return target if target in modules else target.rpartition(".")[0]


def curious_store(name: str, source: str) -> list[str]:
    """Imports of parts of the runtime that a store may not know."""
    return [
        f"{name}:{line}: a store may not import {target}"
        for line, target in imported(source)
        if target.split(".")[0] == "trioactors" and target.split(".")[1:2] not in [[part] for part in STORES_MAY_IMPORT]
    ]


def test_every_module_stands_on_one_floor(sources: dict[str, str], root: Path) -> None:
    findings = without_a_floor(set(sources), (root / "pyproject.toml").read_text(encoding="utf-8"))

    assert not findings, "\n".join(findings)


def test_no_module_imports_the_package_as_a_whole(sources: dict[str, str]) -> None:
    findings = [
        finding
        for name, source in sources.items()
        if name.startswith("trioactors.")
        for finding in whole_package(name, source, set(sources))
    ]

    assert not findings, "\n".join(findings)


def test_a_store_knows_four_rooms_at_most(sources: dict[str, str]) -> None:
    stores = {name: source for name, source in sources.items() if name.startswith("trioactors_backends")}
    findings = [finding for name, source in stores.items() for finding in curious_store(name, source)]

    assert not findings, "\n".join(findings)


PLANTED_FLOORS = """
[[tool.importlinter.contracts]]
id = "floors"
layers = ["(system)", "(actor) | (errors)", "(errors)"]
"""


def test_a_module_without_a_floor_is_named() -> None:
    findings = without_a_floor({"trioactors", "trioactors.actor", "trioactors.attic", "trioactors.attic.box"}, PLANTED_FLOORS)

    assert findings == [
        "trioactors.attic is on no floor: give it one in pyproject.toml",
        "trioactors.errors is on two floors",
    ]


@pytest.mark.parametrize("planted", ["import trioactors as ta", "from trioactors import Actor"])
def test_an_import_of_the_whole_package_is_named(planted: str) -> None:
    assert whole_package("trioactors.actor", planted, {"trioactors", "trioactors.errors"}) != []


def test_an_import_of_a_module_is_fine() -> None:
    planted = "from trioactors.errors import NameTaken\nfrom trioactors import errors\nimport trioactors.errors"

    assert whole_package("trioactors.actor", planted, {"trioactors", "trioactors.errors"}) == []


@pytest.mark.parametrize("planted", ["import trioactors", "from trioactors import Actor", "from trioactors.actor import Actor"])
def test_a_curious_store_is_named(planted: str) -> None:
    assert curious_store("trioactors_backends.sqlite", planted) != []


def test_a_modest_store_is_fine() -> None:
    assert curious_store("trioactors_backends.sqlite", "import trio\nfrom trioactors.persistence import Record") == []
