"""Forms of containers. Each container keeps its exact class and its order; sets, which have none, are written in a canonical order.

Sets are sorted by the written form of their elements, so equal sets give equal bytes in every run. A mapping is written as a JSON object
if its keys are always text, otherwise as a list of pairs. A container that would come back smaller, because two keys have the same written
form, is refused when it is written.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from trioactors.serializer.forms import ARRAY, OBJECT, Form
from trioactors.serializer.problems import Problem, at_key, expected, inside

__all__ = ["canonical", "deque_form", "fixed_tuple_form", "mapping_form", "sequence_form", "set_form"]

_TUPLE: Any = tuple
_DEQUE: Any = deque

canonical = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
"""Write a form as text; equal forms give equal texts."""


def sequence_form(kind: type[Any], item: Form) -> Form:
    """The form of a list, or of a tuple of any length."""
    name = kind.__name__
    dump_items, load_items = _dump_each(item), _load_each(item)

    def dump(values: Any) -> list[Any]:
        if type(values) is not kind:
            raise expected(name, values)
        return dump_items(values)

    def load(forms: Any, _: object = None) -> Any:
        if type(forms) is not ARRAY:
            raise expected(name, forms)
        items = load_items(forms)
        return items if kind is list else kind(items)

    return Form(name=name, runtime=(kind,), dump=dump, load=load, hashable=kind is tuple and item.hashable, parts=(item,))


def fixed_tuple_form(items: tuple[Form, ...]) -> Form:
    """The form of a tuple of fixed length, with a type for each item."""
    name = f"a tuple of {len(items)}"
    steps = tuple((f"[{index}]", item) for index, item in enumerate(items))

    def dump(values: Any) -> list[Any]:
        if type(values) is not _TUPLE or len(values) != len(steps):
            raise expected(name, values)
        return [inside(step, item.dump, value) for (step, item), value in zip(steps, values, strict=True)]

    def load(forms: Any, _: object = None) -> tuple[Any, ...]:
        if type(forms) is not ARRAY or len(forms) != len(steps):
            raise expected(name, forms)
        return tuple(inside(step, item.load, form, None) for (step, item), form in zip(steps, forms, strict=True))

    return Form(name="tuple", runtime=(tuple,), dump=dump, load=load, hashable=all(item.hashable for item in items), parts=items)


def deque_form(item: Form) -> Form:
    """The form of a deque: a list, or an object with the items and the bound."""
    dump_items, load_items = _dump_each(item), _load_each(item)

    def dump(values: Any) -> Any:
        if type(values) is not _DEQUE:
            raise expected("deque", values)
        forms = dump_items(values)
        return forms if values.maxlen is None else {"maxlen": values.maxlen, "items": forms}

    def load(value: Any, _: object = None) -> Any:
        bound, forms = None, value
        if type(value) is OBJECT and value.keys() == {"maxlen", "items"}:
            bound, forms = value["maxlen"], value["items"]
            if type(bound) is not int or not 0 <= bound < 2**63:
                raise expected("a bound", bound).under(".maxlen")
        if type(forms) is not ARRAY:
            raise expected("deque", forms)
        if bound is not None and len(forms) > bound:
            raise Problem(f"{len(forms)} items in a deque of at most {bound}")
        return deque(load_items(forms), bound)

    keys = frozenset({"maxlen", "items"})
    return Form(name="deque", runtime=(deque,), dump=dump, load=load, hashable=False, parts=(item,), keys=keys)


def set_form(kind: type[Any], item: Form) -> Form:
    """The form of a set or a frozenset, sorted by the written form of the elements."""
    name = kind.__name__
    dump_items, load_items = _dump_each(item), _load_each(item)

    def dump(values: Any) -> list[Any]:
        if type(values) is not kind:
            raise expected(name, values)
        forms = dump_items(values)
        classes = set(map(type, forms))
        forms.sort(key=None if classes <= {str} or classes <= {int} else canonical)
        if any(one == other for one, other in itertools.pairwise(forms)):
            raise Problem("two different elements of the set have the same written form")
        return forms

    def load(forms: Any, _: object = None) -> Any:
        if type(forms) is not ARRAY:
            raise expected(name, forms)
        values = _without_loss(kind, load_items(forms), len(forms))
        if item.text is None and _written_twice(forms):
            raise Problem(f"the same element is in the {name} twice")
        return values

    return Form(name=name, runtime=(kind,), dump=dump, load=load, hashable=kind is frozenset, parts=(item,))


def mapping_form(key: Form, value: Form) -> Form:
    """The form of a dict, in its order."""
    return _object_form(key, key.text, value) if key.text else _pairs_form(key, value)


def _object_form(key: Form, text: Form, value: Form) -> Form:
    dump_key, load_key, dump_value, load_value = text.dump, text.load, value.dump, value.load

    def dump(values: Any) -> dict[str, Any]:
        if type(values) is not OBJECT:
            raise expected("dict", values)
        forms: dict[str, Any] = {}
        each: object = None
        try:
            for each, item in values.items():
                forms[dump_key(each)] = dump_value(item)
        except Problem as problem:
            raise problem.under(at_key(each)) from problem.__cause__
        if len(forms) != len(values):
            raise Problem("two different keys of the dict have the same written form")
        return forms

    def load(forms: Any, _: object = None) -> dict[Any, Any]:
        if type(forms) is not OBJECT:
            raise expected("dict", forms)
        pairs: list[tuple[Any, Any]] = []
        each: object = None
        try:
            for each, form in forms.items():
                pairs.append((load_key(each, None), load_value(form, None)))
        except Problem as problem:
            raise problem.under(at_key(each)) from problem.__cause__
        return _dict_without_loss(pairs)

    return Form(name="dict", runtime=(dict,), dump=dump, load=load, hashable=False, parts=(key, value), keys=None)


def _pairs_form(key: Form, value: Form) -> Form:
    pairs = sequence_form(list, fixed_tuple_form((key, value)))

    def dump(values: Any) -> list[Any]:
        if type(values) is not OBJECT:
            raise expected("dict", values)
        forms: list[list[Any]] = pairs.dump(list(values.items()))
        if len({canonical(form[0]) for form in forms}) != len(values):
            raise Problem("two different keys of the dict have the same written form")
        return forms

    def load(forms: Any, _: object = None) -> dict[Any, Any]:
        values = _dict_without_loss(pairs.load(forms, None))
        if _written_twice([form[0] for form in forms]):
            raise Problem("the same key is in the dict twice")
        return values

    return Form(name="dict", runtime=(dict,), dump=dump, load=load, hashable=False, parts=(key, value))


def _dump_each(item: Form) -> Callable[[Iterable[Any]], list[Any]]:
    dump = item.dump

    def dump_items(values: Iterable[Any]) -> list[Any]:
        forms: list[Any] = []
        try:
            for value in values:
                forms.append(dump(value))  # noqa: PERF401 - the length is the index of what fails
        except Problem as problem:
            raise problem.under(f"[{len(forms)}]") from problem.__cause__
        return forms

    return dump_items


def _load_each(item: Form) -> Callable[[list[Any]], list[Any]]:
    load = item.load

    def load_items(forms: list[Any]) -> list[Any]:
        values: list[Any] = []
        try:
            for form in forms:
                values.append(load(form, None))  # noqa: PERF401 - the length is the index of what fails
        except Problem as problem:
            raise problem.under(f"[{len(values)}]") from problem.__cause__
        return values

    return load_items


def _without_loss(kind: type[Any], items: list[Any], count: int) -> Any:
    try:
        values = kind(items)
    except TypeError as error:  # an element is hashed by its own fields
        raise Problem(f"an element cannot be hashed: {error}") from error
    if len(values) != count:
        raise Problem(f"the same element is in the {kind.__name__} twice")
    return values


def _written_twice(forms: list[Any]) -> bool:
    """Whether two of *forms* are the same. Their values can be different all the same: each NaN differs from every other."""
    classes = set(map(type, forms))
    if classes <= {int, float}:
        return False  # equal numbers are one element
    return len(set(forms if classes <= {str} else map(canonical, forms))) != len(forms)


def _dict_without_loss(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    try:
        values = dict(pairs)
    except TypeError as error:
        raise Problem(f"a key cannot be hashed: {error}") from error
    if len(values) != len(pairs):
        raise Problem("the same key is in the dict twice")
    return values
