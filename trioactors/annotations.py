"""Annotations, read before all of their names are known.

Python evaluates an annotation late: from 3.14 on when it is asked for, and in a module with `from __future__ import annotations` not at
all. So an annotation may name what is defined further down in the file, what a circular import brings later, or what is imported for type
checkers only. Asking for its value at the wrong moment raises `NameError`. Nothing here does:

    signature_of     a signature, whose annotations stay text if they cannot be evaluated yet
    annotations_of   the annotations of a class; a part that cannot be evaluated yet stays a `ForwardRef`
    evaluated        the type that text or a `ForwardRef` stands for, once its names are known
    Names            the names in the annotations of some functions: which of them exist, and the refusal of those that never appear

Only the types of stored fields are needed while a program runs. The annotations of handlers, hooks and functions are read for their names
alone, so these may be imported under `if TYPE_CHECKING:`, or be local to a function. Such a name is told from a misspelt one by the source
of the module, which binds it somewhere; without its source, no name is refused.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Final, ForwardRef, Literal, cast, get_args, get_origin

import attrs

from trioactors.errors import DefinitionError

if sys.version_info >= (3, 14):
    import annotationlib

__all__ = ["Names", "annotations_of", "evaluated", "function_behind", "is_unresolved", "signature_of"]

_ANY_NAME: Final = "*"
"""In the place of names: a star import may bring any."""


def signature_of(target: Callable[..., Any]) -> inspect.Signature:
    """The signature of *target*. On Python 3.14 and later its annotations are text if they cannot be evaluated yet, one of them or all.

    Raises `ValueError` for a builtin without a signature.
    """
    try:
        return inspect.signature(target)
    except (AttributeError, NameError, TypeError, ValueError):
        if sys.version_info >= (3, 14):
            return inspect.signature(target, annotation_format=annotationlib.Format.STRING)
        raise


def annotations_of(cls: type[Any]) -> Mapping[str, Any]:
    """The annotations of *cls* itself, evaluated as far as they can be now."""
    if sys.version_info >= (3, 14):
        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    else:  # noqa: RET505
        return inspect.get_annotations(cls)


def is_unresolved(kind: Any) -> bool:
    """Whether *kind* still contains text in place of a type."""
    if isinstance(kind, str | ForwardRef):
        return True
    return any(map(is_unresolved, _types_in(kind)))


def evaluated(annotation: Any, names: Mapping[str, Any]) -> Any:
    """The type that *annotation* stands for, with its text evaluated where *names* are the globals.

    Raises `NameError` if a name does not exist (yet), and whatever else its evaluation raises.
    """
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    # Modules that write the same `Actor["Book"]` or `Optional["Book"]` share one `ForwardRef`, which remembers what it meant in the first
    # of them, but not for locals of its own.
    return typing.get_type_hints(holder, globalns=dict(names), localns={}, include_extras=True)["it"]


def function_behind(target: object) -> types.FunctionType | None:
    """The Python function that *target* wraps, binds or is; None if there is none."""
    function = inspect.unwrap(cast("Any", getattr(target, "__func__", target)))
    return function if isinstance(function, types.FunctionType) else None


@attrs.define(eq=False)
class Names:
    """The names in the annotations of one class or function. Each must exist when it is looked for, at one time or another."""

    missing: list[_Reader] = attrs.field(factory=list["_Reader"], init=False)
    """Annotations with a name that did not exist when it was looked for."""

    def add(self, where: str, target: Callable[..., Any], owner: type | None = None) -> None:
        """Add the annotations of *target*, a function or a method of *owner*, unless all of their names exist already."""
        function = function_behind(target)
        if function is not None:
            signature = signature_of(function)
            places = {f"parameter {each.name!r}": each.annotation for each in signature.parameters.values()}
            self._add(_Reader(where, {**places, "the return value": signature.return_annotation}, _scope_of(function, owner)))

    def add_type(self, where: str, place: str, annotation: object, module: str) -> None:
        """Add one *annotation*, which is needed at run time, at a *place* in a class of *module*, unless all of its names exist already."""
        names: Mapping[str, Any] = vars(sys.modules[module]) if module in sys.modules else {}
        source = names.get("__file__") or ""
        enclosing = frozenset(where.split(".")[:-1])
        self._add(_Reader(where, {place: annotation}, _Scope((names, vars(builtins)), {}, module, source, enclosing), needed=True))

    def _add(self, reader: _Reader) -> None:
        if any(reader.unknown()):
            self.missing.append(reader)

    def settle(self) -> None:
        """Forget those that were missing and exist now."""
        if self.missing:
            self.missing = [reader for reader in self.missing if any(reader.unknown())]

    def check(self) -> None:
        """Refuse a name that never appeared. Raises `DefinitionError`."""
        for reader in self.missing:
            reader.check()
        self.missing = []


@attrs.frozen(eq=False)
class _Scope:
    """The places where the names of an annotation are looked for."""

    namespaces: tuple[Mapping[str, Any], ...]
    cells: Mapping[str, types.CellType]
    """The variables of enclosing functions that the annotations, or the body, refer to."""
    module: str
    source: str
    """The name of the file."""
    enclosing: frozenset[str]
    """The names of the classes and functions around it."""

    def has(self, name: str) -> bool:
        """Whether *name* exists now."""
        if any(name in namespace for namespace in self.namespaces):
            return True
        return name in self.cells and _is_filled(self.cells[name])

    def binds(self, name: str) -> bool:
        """Whether the source binds *name* where it cannot be looked up: under TYPE_CHECKING, or in an enclosing function."""
        bound = _bound_in("".join(linecache.getlines(self.source, dict(self.namespaces[0]))), self.enclosing)
        return name in bound or _ANY_NAME in bound


def _scope_of(function: types.FunctionType, owner: type | None) -> _Scope:
    own = {parameter.__name__: parameter for each in (function, owner) for parameter in getattr(each, "__type_params__", ())}
    if owner is not None:
        own = {**vars(owner), owner.__name__: owner, **own}
    cells: dict[str, types.CellType] = {}
    for each in (function, getattr(function, "__annotate__", None)):
        if isinstance(each, types.FunctionType):
            cells.update(zip(each.__code__.co_freevars, each.__closure__ or (), strict=True))
    return _Scope(
        namespaces=(function.__globals__, vars(builtins), own),
        cells=cells,
        module=function.__module__,
        source=function.__code__.co_filename,
        enclosing=frozenset(function.__qualname__.split(".")[:-1]),
    )


@attrs.frozen(eq=False)
class _Reader:
    """Some annotations by their places, and the scope of their names."""

    where: str
    places: Mapping[str, Any]
    scope: _Scope
    needed: bool = False
    """Whether the names are needed while the program runs, too."""

    def unknown(self) -> Iterator[tuple[str, str]]:
        """The names that do not exist now, each with its place."""
        for place, annotation in self.places.items():
            if annotation is not inspect.Parameter.empty:
                yield from ((place, name) for name in _names_in(annotation) if not self.scope.has(name))

    def check(self) -> None:
        """Raise `DefinitionError` for a name that neither exists nor is bound in the source."""
        for place, name in self.unknown():
            if not self.scope.binds(name):
                runs = "not under `if TYPE_CHECKING:`" if self.needed else "under `if TYPE_CHECKING:` is enough"
                raise DefinitionError(
                    f"{self.where}: the annotation of {place} names {name!r}, which {self.scope.module} neither defines nor imports; "
                    f"define it there, or import it ({runs})"
                )


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not _ANY_NAME
    except ValueError:
        return False


# --- the names in an annotation ---


def _types_in(kind: Any) -> tuple[Any, ...]:
    """The arguments of *kind* that are types: not the values of a `Literal`, and not what is beside a type in `Annotated`."""
    if get_origin(kind) is Literal:
        return ()
    arguments = get_args(kind)
    return arguments[:1] if get_origin(kind) is Annotated else arguments


def _names_in(annotation: Any) -> Iterator[str]:
    """The names that must be known to evaluate *annotation*."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        for each in _types_in(annotation):
            yield from _names_in(each)
    elif annotation.isidentifier():
        yield annotation
    else:
        try:
            yield from _names_below(ast.parse(annotation.strip(), mode="eval").body)
        except SyntaxError:  # no expression, so there are no names in it
            return


def _names_below(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Constant(value=str(text)):
            yield from _names_in(text)
        case ast.Subscript(value=ast.Name("Literal") | ast.Attribute(attr="Literal") as outer):
            yield from _names_below(outer)
        case ast.Subscript(
            value=ast.Name("Annotated") | ast.Attribute(attr="Annotated") as outer, slice=ast.Tuple(elts=[first, *_])
        ):
            yield from _names_below(outer)
            yield from _names_below(first)
        case (
            ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp()
        ):  # no type, and it has names of its own
            return
        case _:
            for each in ast.iter_child_nodes(node):
                yield from _names_below(each)


# --- the names in a source ---


@lru_cache(maxsize=8)
def _bound_in(source: str, enclosing: frozenset[str]) -> frozenset[str]:
    """The names that *source* binds in its module or in *enclosing*, classes and functions; any name if it cannot be read."""
    try:
        return frozenset(_bindings(ast.parse(source), enclosing)) if source else frozenset({_ANY_NAME})
    except SyntaxError:  # a page with code in it, for example
        return frozenset({_ANY_NAME})


def _bindings(block: ast.AST, enclosing: frozenset[str]) -> Iterator[str]:
    for node in ast.iter_child_nodes(block):
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from ((each.asname or each.name).partition(".")[0] for each in names)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
                if name in enclosing:
                    yield from _bindings(node, enclosing)
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case _:
                yield from _bindings(node, enclosing)
