"""Objects made from what was read: the fields are set as they were written, and no hook of the class runs a second time.

The hooks (`__init__`, `__attrs_post_init__`, `__post_init__`, `__setattr__`, converters) ran when the program made the object or set its
fields, before it was written. Running them again could change what is read: a counter that a hook raises would rise with each load. So an
object is made without them, as `copy` and `pickle` do. Only a field that is not in the record gets its default, by its factory and
converter. Validators only look. They run before an object is written, so that one which they refuse is never stored, and after it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import attrs

from trioactors.serializer.annotations import Field
from trioactors.serializer.problems import DATA_ERRORS, Problem, raised

__all__ = ["checking", "maker_of", "refusing_extras"]

_HEAP: Final = 1 << 9
"""The flag of classes that are defined in Python."""

_set = object.__setattr__


def maker_of(cls: type[Any], fields: tuple[Field, ...]) -> type[Any]:
    """A class that stands for *cls* and takes its fields by name: what it makes is a *cls*, built without hooks."""
    builtin: Any = next(base for base in cls.__mro__ if not base.__flags__ & _HEAP)
    is_error = issubclass(cls, BaseException)
    caches_hash = "_attrs_cached_hash" in getattr(getattr(cls.__hash__, "__code__", None), "co_names", ())
    check = checking(tuple(field for field in fields if not field.transient))

    def make(_: type[Any], **given: Any) -> Any:
        instance = builtin.__new__(cls)
        for field in fields:
            if field.name in given:
                _set(instance, field.name, given[field.name])
            elif field.default is not None:
                _set(instance, field.name, field.default(instance))
        if caches_hash:
            _set(instance, "_attrs_cached_hash", None)
        if is_error:
            instance.args = tuple(getattr(instance, field.name) for field in fields if field.init)
        if check is not None:
            check(instance)
        return instance

    return type(cls.__name__, (), {"__new__": make, "__module__": cls.__module__})


def checking(fields: tuple[Field, ...]) -> Callable[[Any], None] | None:
    """A function that runs the validators of *fields* on an object; None if there are none. It raises a `Problem` that names the field."""
    validated = tuple(field for field in fields if field.check is not None)

    def check(instance: Any) -> None:
        if attrs.validators.get_disabled():
            return
        for field in validated:
            _check(field, instance, getattr(instance, field.name))

    return check if validated else None


def refusing_extras(cls: type[Any], fields: tuple[Field, ...]) -> Callable[[Any], None] | None:
    """A function that refuses an object with attributes that are no fields: they would be missing when it is read. None for slots."""
    if not cls.__dictoffset__:
        return None
    known = {field.name for field in fields} | {"_attrs_cached_hash"}
    for base in cls.__mro__:
        known.update(name for name, member in vars(base).items() if isinstance(member, cached_property))

    def refuse(instance: Any) -> None:
        own = instance.__dict__
        if own.keys() <= known:
            return
        for name in own.keys() - known:
            if not name.startswith("__"):
                raise Problem("is an attribute, but not a field", "declare it, as a transient field if it is not stored").under(
                    f".{name}"
                )

    return refuse


def _check(field: Field, instance: Any, value: Any) -> None:
    assert field.check is not None  # only validated fields are checked
    try:
        field.check(instance, value)
    except DATA_ERRORS as error:
        if field.secret:
            raise Problem(f"the class refused it: {type(error).__name__}").under(f".{field.name}") from None
        text = error.args[0] if any(isinstance(each, attrs.Attribute) for each in error.args) else error
        problem = raised("the class refused it", error if text is error else type(error)(text))
        raise problem.under(f".{field.name}") from error
