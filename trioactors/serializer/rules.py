"""Rules for types without a form: they are stored as a type that has one.

A rule names that type (`via`) and the functions to it and back. All checks come from `via`, so a rule is two small functions without JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import attrs

from trioactors.serializer.forms import Form
from trioactors.serializer.problems import DATA_ERRORS, expected, raised

__all__ = ["Rule", "form_by_rule"]

T = TypeVar("T")
V = TypeVar("V")


@attrs.frozen(kw_only=True)
class Rule(Generic[T, V]):
    """A rule for values of one class: `dump` turns them into a `via`; `load` turns that back, or raises `ValueError` if it cannot."""

    name: str
    runtime: type[T]
    """The exact class of the values; annotations may name another one."""

    via: type[V]
    dump: Callable[[T], V]
    load: Callable[[V], T]


def form_by_rule(rule: Rule[Any, Any], via: Form) -> Form:
    """The form that *rule* describes; it can be a key if *via* can be one."""
    form = _through(rule, via)
    if via.text is not None:
        form.text = form if via.text is via else _through(rule, via.text)
    return form


def _through(rule: Rule[Any, Any], via: Form) -> Form:
    def dump(value: Any) -> Any:
        if type(value) is not rule.runtime:
            raise expected(rule.name, value)
        try:
            carried = rule.dump(value)
        except DATA_ERRORS as error:
            raise raised(f"{rule.name} could not be written", error) from error
        return via.dump(carried)

    def load(form: Any, _: object = None) -> Any:
        carried = via.load(form, None)
        try:
            value = rule.load(carried)
        except DATA_ERRORS as error:
            raise raised(f"{rule.name} could not be read", error) from error
        if type(value) is not rule.runtime:
            raise expected(f"{rule.name} from its load function", value)
        return value

    return Form(
        name=rule.name,
        runtime=(rule.runtime,),
        dump=dump,
        load=load,
        hashable=rule.runtime.__hash__ is not None,
        parts=(via,),
        keys=via.keys,
    )
