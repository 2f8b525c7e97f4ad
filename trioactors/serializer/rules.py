"""Types of the user's own: carried as a type that is carried already.

A rule names that type (`via`) and the way there and back. All strictness comes from `via`, so a rule is two small functions and no JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import attrs

from trioactors.serializer.forms import Form
from trioactors.serializer.problems import DATA_ERRORS, Problem, expected

__all__ = ["Rule", "form_by_rule"]

T = TypeVar("T")
V = TypeVar("V")


@attrs.frozen(kw_only=True)
class Rule(Generic[T, V]):
    """How values of one class are carried: `dump` makes a `via` of them, `load` takes it back and raises `ValueError` on nonsense."""

    name: str
    runtime: type[T]
    """The exact class of the values; they may stand for another one in annotations."""

    via: type[V]
    dump: Callable[[T], V]
    load: Callable[[V], T]


def form_by_rule(rule: Rule[Any, Any], via: Form) -> Form:
    """The form that *rule* describes; as a key, too, when its `via` can be one."""
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
            raise Problem(f"{rule.name} could not be written: {type(error).__name__}: {error}"[:500]) from error
        return via.dump(carried)

    def load(form: Any, _: object = None) -> Any:
        carried = via.load(form, None)
        try:
            return rule.load(carried)
        except DATA_ERRORS as error:
            raise Problem(f"{rule.name} could not be read: {type(error).__name__}: {error}"[:500]) from error

    return Form(
        name=rule.name,
        runtime=(rule.runtime,),
        dump=dump,
        load=load,
        hashable=rule.runtime.__hash__ is not None,
        parts=(via,),
    )
