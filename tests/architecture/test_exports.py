"""What a module offers is what its `__all__` says: nothing more, nothing less, nothing that is not there.

A module offers what it defines under a name without underscore, and what it hands on from a module below it, said twice:
`from ... import x as x`, and `x` in its `__all__`. A package offers what its `__init__` brings in.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

TYPE_VARIABLES = frozenset({"NewType", "ParamSpec", "TypeVar", "TypeVarTuple"})


def exports(source: str) -> list[str] | None:
    """The names in `__all__`, in their order; None where there is none."""
    for node in ast.parse(source).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                return list(ast.literal_eval(value))
            case _:
                pass
    return None


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
    for node in top_level(ast.parse(source).body):
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


def brought_in(source: str) -> set[str]:
    """Public names that a package's `__init__` imports from its own modules."""
    own = (
        node for node in ast.parse(source).body if isinstance(node, ast.ImportFrom) and str(node.module).startswith("trioactors")
    )
    names = {alias.asname or alias.name for node in own for alias in node.names}
    return {name for name in names if not name.startswith("_")}


def handed_on(source: str) -> set[str]:
    """Public names that a module imports for others: `from trioactors.x import y as y`."""
    own = (
        node for node in ast.parse(source).body if isinstance(node, ast.ImportFrom) and str(node.module).startswith("trioactors")
    )
    return {alias.name for node in own for alias in node.names if alias.asname == alias.name and not alias.name.startswith("_")}


FACE = "trioactors"
"""The face of the package names each thing once, `from ... import x as x`, and its `__dir__` shows them."""


def order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions, each by the alphabet."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def differences(name: str, source: str, offered: set[str]) -> list[str]:
    """What `__all__` says too much or too little, and whether it is in order."""
    said = exports(source)
    if said is None and name == FACE:
        return [f"{name} imports {hidden} and does not hand it on" for hidden in sorted(offered - handed_on(source))]
    if said is None:
        return [f"{name} has no __all__"] if offered else []
    return (
        [f"{name} offers {missing}, and its __all__ is silent" for missing in sorted(offered - set(said))]
        + [f"{name} says {extra} in __all__, and offers none" for extra in sorted(set(said) - offered)]
        + ([f"{name}: __all__ is not in order"] if said != sorted(set(said), key=order) else [])
    )


def test_all_says_what_every_module_offers(files: dict[str, Path], sources: dict[str, str]) -> None:
    findings: list[str] = []
    for name, source in sources.items():
        package = files[name].name == "__init__.py"
        offered = defined(source) | (brought_in(source) if package else handed_on(source))
        private = name.rpartition(".")[2].startswith("_") and not package
        findings += [] if private else differences(name, source, offered)

    assert not findings, "\n".join(findings)


def test_every_module_can_be_imported_and_holds_what_it_exports(sources: dict[str, str]) -> None:
    programs = {name for name in sources if name.endswith("__main__")}
    modules = {name: importlib.import_module(name) for name in sources.keys() - programs}

    assert [
        f"{name}.{export}"
        for name, module in modules.items()
        for export in exports(sources[name]) or ()
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

    assert brought_in(planted) == {"Actor", "child"}


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
