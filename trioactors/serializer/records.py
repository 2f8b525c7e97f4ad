"""Forms of attrs classes and dataclasses: one JSON object for each, with functions that cattrs generates once per class.

No hook of the class runs when one of its objects is read (`building`): what is read equals what was written. Its validators run when an
object is written and when it is read.

Objects of a class that contains itself are guarded while they are written: the trail of the enclosing objects detects a cycle.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import attrs
import cattrs
from cattrs.errors import BaseValidationError
from cattrs.gen import (
    make_dict_structure_fn_from_attrs,  # pyright: ignore[reportUnknownVariableType] - cattrs leaves Attribute bare
    make_dict_unstructure_fn_from_attrs,  # pyright: ignore[reportUnknownVariableType] - cattrs leaves Attribute bare
    override,
)

from trioactors.annotations import signature_of
from trioactors.errors import OverLimit, RecordTooOld
from trioactors.serializer.annotations import Field
from trioactors.serializer.building import checking, maker_of, refusing_extras
from trioactors.serializer.choices import JSON
from trioactors.serializer.containers import mapping_form
from trioactors.serializer.declaration import Declaration, Upcaster
from trioactors.serializer.forms import OBJECT, STR, Dump, Form, Load
from trioactors.serializer.problems import DATA_ERRORS, Problem, expected, from_group, raised

__all__ = ["KEPT", "Trail", "check_class", "dump_of", "keys_of", "load_of", "upcasting"]

KEPT = mapping_form(STR, JSON)
"""The form of a field that keeps unknown fields."""

_VARIADIC = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


class Trail(threading.local):
    """The objects around the one that is being written, in this thread."""

    def __init__(self, depth: int, elements: int) -> None:
        self.depth = depth
        self.elements = elements
        self.above: list[int] = []
        self.written = 0


def check_class(cls: type[Any], fields: tuple[Field, ...], declaration: Declaration) -> None:
    """Refuse a class whose objects could be written but not built again."""
    if inspect.isabstract(cls):
        raise Problem(f"{cls.__qualname__} is abstract, so no value has exactly this class", "annotate a union of its subclasses")
    if not cls.__name__.isidentifier():
        raise Problem(f"a class whose name {cls.__name__!r} is not an identifier cannot be stored")
    if any("__getattribute__" in vars(base) for base in cls.__mro__ if base.__module__ != "builtins"):
        raise Problem(f"{cls.__qualname__} has a __getattribute__ of its own, so what it shows may not be what it holds")
    _check_init(cls, {field.alias for field in fields if field.init})
    names = {field.name for field in fields}
    for old, new in declaration.renamed_fields.items():
        if old in names or new not in names:
            raise Problem(f"{cls.__qualname__}: renamed_fields maps {old!r}, which is a field, or to {new!r}, which is not")
    for field in fields:
        if field.transient and not field.has_default:
            raise Problem("a transient field needs a default").under(f".{field.name}")
    if sum(field.keeps_unknown for field in fields) > 1:
        raise Problem(f"{cls.__qualname__} has two fields for unknown fields")


def keys_of(fields: tuple[Field, ...], declaration: Declaration) -> frozenset[str] | None:
    """The keys that an object of the class may have in a record; None if it may have any."""
    if any(field.keeps_unknown for field in fields):
        return None
    return frozenset(field.name for field in fields if not field.transient) | declaration.renamed_fields.keys()


def dump_of(cls: type[Any], fields: tuple[Field, ...], forms: Mapping[str, Form], trail: Trail | None) -> Dump:
    """A function that writes one object; *trail* guards objects of a class that contains itself."""
    carried = tuple(field for field in fields if not field.transient)
    hooks = {field.name: override(unstruct_hook=_named(field, forms[field.name].dump)) for field in carried}
    write = make_dict_unstructure_fn_from_attrs(
        _attributes(carried, hooks), cls, _CONVERTER, _cattrs_use_linecache=False, _cattrs_use_alias=False
    )

    check, refuse = checking(carried), refusing_extras(cls, fields)

    def dump(value: Any) -> dict[str, Any]:
        if type(value) is not cls:
            raise _not_exactly(cls, value)
        try:
            form: dict[str, Any] = write(value)
        except AttributeError as error:
            raise Problem("the field was never set").under(f".{error.name}") from error
        if refuse is not None:
            refuse(value)
        if check is not None:
            check(value)
        return form

    kept = next((field.name for field in carried if field.keeps_unknown), None)
    full = dump if kept is None else _spreading(dump, kept, frozenset(field.name for field in carried))
    return full if trail is None else _guarded(full, trail)


def load_of(cls: type[Any], fields: tuple[Field, ...], forms: Mapping[str, Form], declaration: Declaration) -> Load:
    """A function that reads one object of the current version. *fields* are all fields, those with a form are in the record."""
    carried = tuple(field for field in fields if not field.transient)
    kept = next((field.name for field in carried if field.keeps_unknown), None)
    load = _building(cls, maker_of(cls, fields), carried, forms)
    if kept is not None:
        load = _gathering(load, kept, frozenset(field.name for field in carried))
    if declaration.renamed_fields:
        load = _renaming(load, declaration.renamed_fields)
    return load


def upcasting(load: Load, declaration: Declaration, version: int) -> Load:
    """A function that reads one object that *version* of its class wrote."""
    if version < declaration.oldest:
        return _too_old(declaration, version)
    steps = [(step, declaration.upcasters[step]) for step in range(version, declaration.version)]

    def load_older(form: Any, _: object = None) -> Any:
        for step, upcaster in steps:
            if type(form) is not OBJECT:
                raise expected("an object", form)
            form = _upcast(form, step, upcaster)
        return load(form, None)

    return load_older


def _check_init(cls: type[Any], offered: set[str]) -> None:
    """Refuse a class whose `__init__` needs more, or takes less, than the fields of a record."""
    taken = signature_of(cls).parameters
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    for name, parameter in taken.items():
        if name not in offered and parameter.default is parameter.empty and parameter.kind not in _VARIADIC:
            raise Problem(
                f"{cls.__qualname__} cannot be built again: its __init__ needs {name!r}, which is not a field",
                "give it a default, or register the class as a type of its own",
            )
    if not anything and (beyond := offered - set(taken)):
        raise Problem(f"{cls.__qualname__} cannot be built again: its __init__ does not take {sorted(beyond)}")


def _upcast(form: dict[str, Any], step: int, upcaster: Upcaster) -> dict[str, Any]:
    try:
        return upcaster(form)
    except DATA_ERRORS as error:
        raise raised(f"the upcaster from version {step} failed", error) from error


def _too_old(declaration: Declaration, version: int) -> Load:
    def refuse(_form: Any, _: object = None) -> Any:
        raise Problem(
            f"{declaration.name} has version {version}, and the oldest that can be read is {declaration.oldest}",
            f"declare upcasters from version {version} on",
            RecordTooOld,
        )

    return refuse


def _building(cls: type[Any], maker: type[Any], given: tuple[Field, ...], forms: Mapping[str, Form]) -> Load:
    build = make_dict_structure_fn_from_attrs(
        _attributes(given, {field.name: override(struct_hook=_redacted(field, forms[field.name].load)) for field in given}),
        maker,
        _CONVERTER,
        _cattrs_forbid_extra_keys=True,
        _cattrs_detailed_validation=True,
        _cattrs_use_linecache=False,
        _cattrs_use_alias=False,
    )

    secretive = any(field.secret for field in given)

    def load(form: Any, _: object = None) -> Any:
        if type(form) is not OBJECT:
            raise expected(f"an object ({cls.__name__})", form)
        try:
            return build(form, maker)
        except BaseValidationError as group:
            raise from_group(group, secretive=secretive) from (None if secretive else group)

    return load


def _gathering(load: Load, kept: str, names: frozenset[str]) -> Load:
    known = names - {kept}

    def load_with_rest(form: Any, _: object = None) -> Any:
        if type(form) is not OBJECT:
            raise expected("an object", form)
        own = {name: inner for name, inner in form.items() if name in known}
        own[kept] = {name: inner for name, inner in form.items() if name not in known}
        return load(own, None)

    return load_with_rest


def _spreading(dump: Dump, kept: str, names: frozenset[str]) -> Dump:
    def dump_with_rest(value: Any) -> dict[str, Any]:
        form: dict[str, Any] = dump(value)
        rest = form.pop(kept)
        if clash := (names - {kept}) & rest.keys():
            raise Problem(f"{sorted(clash)} are fields of the class").under(f".{kept}")
        return {**form, **rest}

    return dump_with_rest


def _renaming(load: Load, renamed: Mapping[str, str]) -> Load:
    def load_renamed(form: Any, _: object = None) -> Any:
        if type(form) is OBJECT and not renamed.keys().isdisjoint(form):
            names = [renamed.get(name, name) for name in form]
            if len(set(names)) != len(names):
                raise Problem("a field is there under its old name and under its new one")
            form = dict(zip(names, form.values(), strict=True))
        return load(form, None)

    return load_renamed


def _guarded(dump: Dump, trail: Trail) -> Dump:
    def dump_once(value: Any) -> Any:
        above = trail.above
        if id(value) in above:
            raise Problem(f"a {type(value).__name__} contains itself", "refer to it by a key instead")
        if len(above) >= trail.depth:
            raise Problem(f"objects nest more than {trail.depth} deep", "", OverLimit)
        trail.written = trail.written + 1 if above else 1
        if trail.written > trail.elements:  # a few shared objects can unfold into very many
            raise Problem(f"more than {trail.elements:,} objects, counting shared ones each time", "", OverLimit)
        above.append(id(value))
        try:
            return dump(value)
        finally:
            above.pop()

    return dump_once


def _named(field: Field, hook: Callable[..., Any]) -> Callable[..., Any]:
    step = f".{field.name}"
    hook = _redacted(field, hook)

    def named(*arguments: Any) -> Any:  # not `inside`: it runs for every field, and one call less is 2 % of an encoding
        try:
            return hook(*arguments)
        except Problem as problem:
            raise problem.under(step) from problem.__cause__

    return named


def _redacted(field: Field, hook: Callable[..., Any]) -> Callable[..., Any]:
    """*hook*; if the field is secret, its problems show neither the value nor the path inside it."""
    if not field.secret:
        return hook

    def redacted(*arguments: Any) -> Any:
        try:
            return hook(*arguments)
        except Problem as problem:
            error = problem.error
        raise Problem("its value does not fit; no details are shown, because the field is secret", "", error)

    return redacted


def _not_exactly(cls: type[Any], value: object) -> Problem:
    problem = expected(f"a {cls.__name__}", value)
    if isinstance(value, cls):
        problem.what += ", a subclass whose own fields would be lost"
        problem.next_step = f"annotate the union: {cls.__name__} | {type(value).__name__}"
    return problem


def _attributes(fields: tuple[Field, ...], hooks: Mapping[str, Any]) -> list[Any]:
    """The fields as attrs attributes, which cattrs needs. Each hook is in an annotation, because a field may be called `converter`."""
    spelt: dict[str, Any] = {}
    for field in fields:
        carrier: Any = Annotated[object, hooks[field.name]]
        default: Any = None if field.has_default else attrs.NOTHING
        spelt[field.name] = attrs.field(alias=field.name, default=default, type=carrier, kw_only=True)
    return list(attrs.fields(attrs.make_class("Fields", spelt, init=False, eq=False, repr=False)))


_CONVERTER = cattrs.Converter()
