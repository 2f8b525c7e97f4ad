"""Forms of attrs classes and dataclasses: one JSON object for each, with functions that cattrs generates once per class.

Loading runs the class's own `__init__`, so its invariants hold: converters, validators and post-init hooks see every loaded value, after
the strict forms have checked it. A converter that changes a stored value would be a silent conversion, so it is refused. `init=False`
fields are set afterwards, without `__setattr__` hooks, and then validated.

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

from trioactors.errors import OverLimit, RecordTooOld
from trioactors.serializer.annotations import Field
from trioactors.serializer.choices import JSON
from trioactors.serializer.containers import canonical, mapping_form
from trioactors.serializer.declaration import Declaration, Upcaster
from trioactors.serializer.forms import OBJECT, STR, Dump, Form, Load
from trioactors.serializer.problems import DATA_ERRORS, Problem, expected, from_group, raised

__all__ = ["KEPT", "Trail", "check_class", "dump_of", "load_of", "upcasting"]

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


def dump_of(cls: type[Any], fields: tuple[Field, ...], forms: Mapping[str, Form], trail: Trail | None) -> Dump:
    """A function that writes one object; *trail* guards objects of a class that contains itself."""
    hooks = {field.name: override(unstruct_hook=_named(field, forms[field.name].dump)) for field in fields}
    write = make_dict_unstructure_fn_from_attrs(
        _attributes(fields, hooks), cls, _CONVERTER, _cattrs_use_linecache=False, _cattrs_use_alias=False
    )

    def dump(value: Any) -> dict[str, Any]:
        if type(value) is not cls:
            raise _not_exactly(cls, value)
        try:
            return write(value)
        except AttributeError as error:
            raise Problem("the field was never set").under(f".{error.name}") from error

    kept = next((field.name for field in fields if field.keeps_unknown), None)
    full = dump if kept is None else _spreading(dump, kept, frozenset(field.name for field in fields))
    return full if trail is None else _guarded(full, trail)


def load_of(cls: type[Any], fields: tuple[Field, ...], forms: Mapping[str, Form], declaration: Declaration) -> Load:
    """A function that reads one object of the current version."""
    given = tuple(field for field in fields if field.init)
    late = tuple(field for field in fields if not field.init)
    converted = tuple(field for field in given if field.converted)
    kept = next((field.name for field in fields if field.keeps_unknown), None)
    load = _building(cls, given, forms)
    if late:
        load = _setting_late(load, late, forms)
    if converted:
        load = _checking_converters(load, converted, forms)
    if kept is not None:
        load = _gathering(load, kept, frozenset(field.name for field in fields))
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
    taken = inspect.signature(cls).parameters
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


def _building(cls: type[Any], given: tuple[Field, ...], forms: Mapping[str, Form]) -> Load:
    build = make_dict_structure_fn_from_attrs(
        _attributes(given, {field.name: override(struct_hook=_redacted(field, forms[field.name].load)) for field in given}),
        cls,
        _CONVERTER,
        {parameter.__name__: object for parameter in getattr(cls, "__parameters__", ())},
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
            return build(form, cls)
        except BaseValidationError as group:
            raise from_group(group, secretive=secretive) from (None if secretive else group)

    return load


def _setting_late(load: Load, late: tuple[Field, ...], forms: Mapping[str, Form]) -> Load:
    names = {field.name for field in late}

    def load_all(form: Any, _: object = None) -> Any:
        if type(form) is not OBJECT:
            raise expected("an object", form)
        instance = load({name: inner for name, inner in form.items() if name not in names}, None)
        for field in late:
            if field.name in form:
                _set(instance, field, _named(field, forms[field.name].load)(form[field.name], None))
            elif not hasattr(instance, field.name):
                raise Problem("missing, and the class does not set it").under(f".{field.name}")
        return instance

    return load_all


def _set(instance: object, field: Field, value: object) -> None:
    object.__setattr__(instance, field.name, value)
    if field.check is None:
        return
    try:
        field.check(instance, value)
    except DATA_ERRORS as error:
        if field.secret:
            raise Problem(f"the class refused it: {type(error).__name__}").under(f".{field.name}") from None
        raise raised("the class refused it", error).under(f".{field.name}") from error


def _checking_converters(load: Load, converted: tuple[Field, ...], forms: Mapping[str, Form]) -> Load:
    def load_unchanged(form: Any, _: object = None) -> Any:
        instance = load(form, None)
        for field in converted:
            if field.name not in form:
                continue
            again = _named(field, forms[field.name].dump)(getattr(instance, field.name))
            if canonical(again) != canonical(form[field.name]):
                raise Problem(
                    "the field's converter changes the stored value",
                    "let the converter return its own results unchanged, or convert in an upcaster",
                ).under(f".{field.name}")
        return instance

    return load_unchanged


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
        spelt[field.name] = attrs.field(alias=field.alias, default=default, type=carrier, kw_only=True)
    return list(attrs.fields(attrs.make_class("Fields", spelt, init=False, eq=False, repr=False)))


_CONVERTER = cattrs.Converter()
