"""The page and its vendored files: each is the one that was reviewed, and none of them leads a browser to another machine."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import trioactors

STATIC = Path(trioactors.__file__).parent / "console" / "static"
VENDOR = STATIC / "vendor"
LIST = VENDOR / "VENDORED.toml"
OWN = sorted(path for path in STATIC.rglob("*") if path.suffix in {".js", ".css", ".html", ".svg"} and VENDOR not in path.parents)
LONGEST = 400
IMPORTED = re.compile(r"""(?:\bfrom |^import |\bimport\()"([^"]+)"(?:;$|\))""", re.MULTILINE)
FETCHED = re.compile(r"""(?:src|href|url|import|fetch|from)\s*[=(:]?\s*["'(]\s*["']?(?:https?:)?//""")


def packages() -> list[dict[str, Any]]:
    return tomllib.loads(LIST.read_text(encoding="utf-8"))["package"]


def named(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def test_each_file_of_others_is_the_one_that_is_listed() -> None:
    listed = {f"{each['name']}-{each['version']}/{name}": digest for each in packages() for name, digest in each["sha256"].items()}
    found = {path.relative_to(VENDOR).as_posix(): path for path in VENDOR.rglob("*") if path.is_file() and path != LIST}

    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()} == listed


def test_each_package_has_its_licence_beside_it_and_says_where_it_is_from() -> None:
    for each in packages():
        assert "LICENSE" in each["sha256"]
        assert each["licence"] in {"Apache-2.0", "ISC", "MIT"}
        assert each["origin"] == f"https://www.npmjs.com/package/{each['name']}/v/{each['version']}"


@pytest.mark.parametrize("path", sorted(VENDOR.rglob("*.*js")), ids=named)
def test_a_module_of_others_needs_no_other_module_and_loads_nothing(path: Path) -> None:
    source = path.read_text(encoding="utf-8")

    assert not re.findall(r"""^\s*(?:import|export)\b[^;{]*\bfrom\s*["']""", source, re.MULTILINE)
    assert not re.findall(r"\b(?:fetch|importScripts|XMLHttpRequest|WebSocket|sendBeacon|eval|Function)\s*\(", source)


@pytest.mark.parametrize("path", OWN, ids=named)
def test_what_is_ours_names_no_other_machine_makes_no_markup_of_texts_and_is_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")

    assert not FETCHED.findall(source)
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", source, re.IGNORECASE)
    assert len(source.splitlines()) <= LONGEST


@pytest.mark.parametrize("path", [path for path in OWN if path.suffix == ".js"], ids=named)
def test_each_import_is_a_file_that_is_there(path: Path) -> None:
    for target in IMPORTED.findall(path.read_text(encoding="utf-8")):
        assert target.startswith("/static/")
        assert (STATIC / target.removeprefix("/static/")).is_file(), target


@pytest.mark.parametrize("path", [path for path in OWN if path.suffix == ".html"], ids=named)
def test_each_file_that_a_page_names_is_there(path: Path) -> None:
    for target in re.findall(r'(?:src|href)="/static/([^"]+)"', path.read_text(encoding="utf-8")):
        assert (STATIC / target).is_file(), target


def test_what_is_told_of_loading_from_elsewhere_would_be_found() -> None:
    for planted in (
        '<script src="https://cdn.example/x.js">',
        "url(//cdn.example/x.woff)",
        'import x from "https://esm.sh/x"',
        'fetch("http://a/")',
    ):
        assert FETCHED.findall(planted), planted
