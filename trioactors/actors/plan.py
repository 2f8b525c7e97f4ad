"""The plan of an actor class: its handlers, hooks and options, found once when the class is defined."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any, Final, ForwardRef, TypeVar, Union, get_origin

import attrs

from trioactors.annotations import Names, evaluated, is_unresolved
from trioactors.durability.durable_state import DurableState
from trioactors.errors import DefinitionError
from trioactors.messaging.definitions import HandlerSpec
from trioactors.settings import Overflow
from trioactors.trace.formatting import described

__all__ = ["HOOKS", "PLAIN_HOOKS", "ActorPlan", "refuse_no_type", "refuse_value_class", "resolved"]

HOOKS: Final = {"on_start": 0, "on_continue": 0, "on_stop": 1, "on_save": 0, "on_load": 0}
"""The hooks, with the number of arguments that each takes besides `self`."""

PLAIN_HOOKS: Final = frozenset({"on_save", "on_load"})
"""The hooks that are plain functions; only durable actors have them."""


@attrs.frozen(kw_only=True, eq=False)
class ActorPlan:
    """Everything about an actor class that does not change."""

    name: str
    handlers: Mapping[str, HandlerSpec]
    hooks: frozenset[str]
    """The hooks that the class overrides; the others are never called."""
    mailbox: int | None
    overflow: Overflow | None
    timeout: float | None
    durable_state: DurableState | None
    """How the state is committed; None if the actor is not durable."""
    inspect: bool
    """Whether the state may be shown by `trioactors.inspect` and the console."""
    state_type: Any = attrs.field(repr=False)
    module: str = attrs.field(repr=False)
    """The module that names the type of the state."""
    names: Names = attrs.field(repr=False)
    """The names in its annotations that did not exist when it was defined."""

    def new_state(self) -> Any:
        """A fresh state: its class, called without arguments. None if the actor declares no state, or one that may be None.

        Raises `DefinitionError` if the class needs arguments.
        """
        kind = resolved(self.state_type, self.module, self.name)
        kind = get_origin(kind) or kind
        if kind is None or kind in _SHAPELESS or isinstance(kind, TypeVar):
            return None
        try:
            return kind()
        except TypeError as error:
            raise DefinitionError(
                f"{self.name}: its state {kind!r} cannot be made without arguments ({error}); "
                f"give its fields defaults, or set self.state in __init__"
            ) from None

    def check_names(self) -> None:
        """Check, before the first start, that each name in an annotation has appeared by now. Raises `DefinitionError`."""
        if self.names.missing:
            self.names.check()
        if self.durable_state is not None:
            self.durable_state.codec()

    def check(self, cls: type, name: str | None) -> None:
        """Check that *cls* can be a child named *name*.

        A decorator may have rewritten the class after it was defined, a method may still be abstract, or the class may be durable and the
        name missing. Raises `DefinitionError`, `SpecError`.
        """
        self.names.settle()
        if abstract := sorted(getattr(cls, "__abstractmethods__", ())):
            raise DefinitionError(f"{self.name} is abstract: a subclass must define {', '.join(abstract)} before it can be started")
        for base in cls.__mro__:
            if hasattr(base, "__actor_plan__"):
                refuse_value_class(base)
        if self.durable_state is not None:
            self.durable_state.check_child(name)
        elif unused := self.hooks & PLAIN_HOOKS:
            raise DefinitionError(
                f"{self.name}: {', '.join(sorted(unused))} would never be called, because it is not durable (persist=...)"
            )


def resolved(declared: Any, module: str, owner: str) -> Any:
    """The declared state type as a type. Raises `DefinitionError`, from a `NameError`, if a name in it does not exist (yet)."""
    if declared is None or isinstance(declared, type) or not is_unresolved(declared):
        return declared
    try:
        return evaluated(declared, vars(sys.modules[module]))
    except (AttributeError, NameError) as error:
        raise DefinitionError(
            f"{owner}: its state {_spelt(declared)} cannot be resolved: {error}. The state is made while the program runs: define its "
            f"class at module level, and import it not for type checkers only"
        ) from error


def _spelt(declared: Any) -> str:
    return repr(declared.__forward_arg__ if isinstance(declared, ForwardRef) else declared)


def refuse_no_type(declared: Any, owner: str) -> None:
    """Raise `DefinitionError` if the argument of `Actor[...]` is a value, and no type or what stands for one."""
    known = declared is None or isinstance(declared, type | str) or get_origin(declared) is not None
    if not known and type(declared).__module__ not in _OF_TYPES:
        shown = described(declared, repr)
        raise DefinitionError(
            f"{owner}: Actor[{shown:.80}] does not name the class of a state; write Actor[TheState], or Actor[None]"
        )


_OF_TYPES: Final = frozenset({"typing", "typing_extensions", "types", "annotationlib"})
"""The modules whose objects stand for types: variables, aliases, forward references."""

_SHAPELESS: Final = (Any, Union, types.UnionType)
"""State declarations that are not classes: with nothing to call, the state starts as None."""


def refuse_value_class(cls: type) -> None:
    """Refuse `@attrs.define` and `@dataclass` on an actor: they would define the class again, without its options."""
    for mark, decorator in (("__attrs_attrs__", "@attrs.define"), ("__dataclass_fields__", "@dataclass")):
        if mark in vars(cls):
            raise DefinitionError(
                f"{cls.__qualname__}: {decorator} does not go on an actor. Put it on the state, and write Actor[TheState]."
            )
