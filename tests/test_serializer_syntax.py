"""Type parameters and aliases in the syntax of Python 3.12, which older parsers cannot read."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from trioactors.errors import TypeRefused
from trioactors.serializer import Serializer

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax came with Python 3.12")

SOURCE = """
from attrs import define

type Ids = list[int]
type Pair[T] = tuple[T, T]
type Endless = list[Endless] | int

@define
class Box[T]:
    both: Pair[T]
    ids: Ids
    inner: "Box[T] | None" = None
"""


@pytest.fixture
def new(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    module = types.ModuleType("written_in_new_syntax")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(SOURCE, vars(module))
    return vars(module)


def test_parameters_and_aliases_are_carried(new: dict[str, Any]) -> None:
    codec = Serializer().codec(new["Box"][int])
    value = new["Box"]((1, 2), [3], new["Box"]((4, 5), []))

    assert codec.decode(codec.encode(value)) == value


def test_an_alias_that_contains_itself_is_refused(new: dict[str, Any]) -> None:
    with pytest.raises(TypeRefused, match="an alias that contains itself"):
        Serializer().check(new["Endless"])
