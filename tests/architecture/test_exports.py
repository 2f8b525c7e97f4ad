"""What a module offers is what its `__all__` says: nothing more, nothing less, nothing that is not there.

A module offers the names without underscore that it defines, and those that it hands on from a module below it, said twice:
`from ... import x as x`, and `x` in its `__all__`. A package offers what its `__init__` brings in; for `from module import *` that is
the module's own `__all__`, which the package adds to its own with `__all__ += module.__all__`.
"""

from __future__ import annotations

import ast
import functools
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

parsed = functools.cache(ast.parse)
"""The tree of a source: several rules look at each."""

TYPE_VARIABLES = frozenset({"NewType", "ParamSpec", "TypeVar", "TypeVarTuple"})


def written(source: str) -> list[str] | None:
    """The names that are spelt out in `__all__`, in their order; None if there is no `__all__`."""
    for node in parsed(source).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                return list(ast.literal_eval(value))
            case _:
                pass
    return None


def exports(source: str, sources: Mapping[str, str]) -> list[str] | None:
    """All names in `__all__`: those spelt out, then those added from other modules with `__all__ += module.__all__`."""
    names = written(source)
    if names is None:
        return None
    modules = {alias.asname or alias.name: f"{node.module}.{alias.name}" for node in own_imports(source) for alias in node.names}
    for node in parsed(source).body:
        match node:
            case ast.AugAssign(target=ast.Name(id="__all__"), value=ast.Attribute(value=ast.Name(id=module), attr="__all__")):
                names += exports(sources[modules[module]], sources) or []
            case _:
                pass
    return names


def own_imports(source: str) -> list[ast.ImportFrom]:
    """The `from ... import` statements that name a module of trioactors."""
    body = parsed(source).body
    return [node for node in body if isinstance(node, ast.ImportFrom) and str(node.module).startswith("trioactors")]


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module; those under an `if` count as well, whichever branch they are in."""
    for node in body:
        if isinstance(node, ast.If):
            yield from top_level(node.body + node.orelse)
        else:
            yield node


def defined(source: str) -> set[str]:
    """Public names that a module makes itself. Type variables are nobody's business."""
    names: set[str] = set()
    for node in top_level(parsed(source).body):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(value=ast.Call(func=ast.Name(id=maker))) if maker in TYPE_VARIABLES:
                pass
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                pass
    return {name for name in names if not name.startswith("_")}


def brought_in(source: str, sources: Mapping[str, str]) -> set[str]:
    """Public names that a package's `__init__` imports from its own modules; its modules themselves are not among them."""
    names: set[str] = set()
    for node in own_imports(source):
        for alias in node.names:
            if alias.name == "*":
                names |= set(exports(sources[str(node.module)], sources) or ())
            elif f"{node.module}.{alias.name}" not in sources:
                names.add(alias.asname or alias.name)
    return {name for name in names if not name.startswith("_")}


def handed_on(source: str) -> set[str]:
    """Public names that a module imports for others: `from trioactors.x import y as y`."""
    aliases = [alias for node in own_imports(source) for alias in node.names]
    return {alias.name for alias in aliases if alias.asname == alias.name and not alias.name.startswith("_")}


FACE = "trioactors.names"
"""The public names of the package: each stands there once, `from ... import x as x`."""


def order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions, each by the alphabet."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def differences(name: str, source: str, offered: set[str], sources: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """What `__all__` says too much, too little or twice, and whether what it spells out is in order."""
    said, spelt_out = exports(source, sources), written(source)
    if said is None and name == FACE:
        return [f"{name} imports {hidden} and does not hand it on" for hidden in sorted(offered - handed_on(source))]
    if said is None or spelt_out is None:
        return [f"{name} has no __all__"] if offered else []
    return (
        [f"{name} offers {missing}, and its __all__ is silent" for missing in sorted(offered - set(said))]
        + [f"{name} says {extra} in __all__, and offers none" for extra in sorted(set(said) - offered)]
        + ([f"{name}: __all__ is not in order"] if spelt_out != sorted(spelt_out, key=order) else [])
        + [f"{name} says {twice} twice in __all__" for twice in sorted(set(said)) if said.count(twice) > 1]
    )


def test_all_says_what_every_module_offers(files: dict[str, Path], sources: dict[str, str]) -> None:
    findings: list[str] = []
    for name, source in sources.items():
        package = files[name].name == "__init__.py"
        offered = defined(source) | (brought_in(source, sources) if package else handed_on(source))
        private = name.rpartition(".")[2].startswith("_") and not package
        findings += [] if private else differences(name, source, offered, sources)

    assert not findings, "\n".join(findings)


def test_every_module_can_be_imported_and_holds_what_it_exports(sources: dict[str, str]) -> None:
    programs = {name for name in sources if name.endswith("__main__")}
    modules = {name: importlib.import_module(name) for name in sources.keys() - programs}

    assert [
        f"{name}.{export}"
        for name, module in modules.items()
        for export in exports(sources[name], sources) or ()
        if not hasattr(module, export)
    ] == []


PLANTED = """
from typing import TypeVar
import attrs
__all__ = ["Actor", "LIMIT", "ghost"]
T = TypeVar("T")
LIMIT: int = 3
_hidden = 4
class Actor: ...
async def forgotten() -> None: ...
"""


def test_a_silent_a_ghostly_and_an_unordered_name_are_told() -> None:
    assert differences("planted", PLANTED, defined(PLANTED)) == [
        "planted offers forgotten, and its __all__ is silent",
        "planted says ghost in __all__, and offers none",
        "planted: __all__ is not in order",
    ]


def test_what_is_defined_under_a_condition_counts() -> None:
    planted = "if TYPE_CHECKING:\n    Json = int | str\nelif new:\n    def late(): ...\nelse:\n    _own = 1\n"

    assert defined(planted) == {"Json", "late"}


def test_a_module_with_something_to_offer_must_have_all() -> None:
    assert differences("planted", "", {"Actor"}) == ["planted has no __all__"]
    assert differences("planted", "", set()) == []


def test_a_package_offers_what_it_brings_in() -> None:
    planted = (
        "import attrs\nfrom trio import run\nfrom trioactors.actor import Actor, _own\nfrom trioactors.specs import child as child"
    )

    assert brought_in(planted, {}) == {"Actor", "child"}


STARS = """
from trioactors.errors import base, data
from trioactors.errors.base import *
from trioactors.errors.data import *
__all__: list[str] = []
__all__ += base.__all__
__all__ += data.__all__
"""


def test_a_package_hands_on_the_all_of_its_modules() -> None:
    modules = {"trioactors.errors.base": "__all__ = ['Root']", "trioactors.errors.data": "__all__ = ['Full', 'Lost']"}

    assert exports(STARS, modules) == ["Root", "Full", "Lost"]
    assert brought_in(STARS, modules) == {"Root", "Full", "Lost"}
    assert differences("planted", STARS, brought_in(STARS, modules), modules) == []


def test_a_star_without_its_all_and_a_name_of_two_modules_are_told() -> None:
    modules = {"trioactors.errors.base": "__all__ = ['Root']", "trioactors.errors.data": "__all__ = ['Full', 'Root']"}
    silent = STARS.replace("__all__ += data.__all__", "")

    assert differences("planted", silent, brought_in(silent, modules), modules) == [
        "planted offers Full, and its __all__ is silent",
    ]
    assert differences("planted", STARS, brought_in(STARS, modules), modules) == ["planted says Root twice in __all__"]


def test_a_module_hands_on_what_it_imports_under_its_own_name() -> None:
    planted = (
        "import attrs as attrs\nfrom trio import run as run\nfrom trioactors.actor import Actor, Ref as R\n"
        "from trioactors.specs import child as child\n__all__ = ['child']\n"
    )

    assert handed_on(planted) == {"child"}
    assert differences("planted", planted, handed_on(planted)) == []
    assert differences("planted", planted.replace("child'", "Actor'"), handed_on(planted)) == [
        "planted offers child, and its __all__ is silent",
        "planted says Actor in __all__, and offers none",
    ]
