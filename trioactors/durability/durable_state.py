"""What makes an actor durable: its policy, and the codec of its state, which belongs to the class and not to a system.

A state that cannot be carried is the author's mistake, so it is told as early as it can be known: when the class is made, or, where an
annotation names something that is defined later, when the class is first used as a child.
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, Final, ForwardRef, TypeVar

import attrs

from trioactors.durability.output_gate import OutputGate
from trioactors.durability.policies import EveryMessage, Policy
from trioactors.durability.saver import Saver, State
from trioactors.durability.write_behind import WriteBehind
from trioactors.errors import DefinitionError, NameUnresolved, SerializationError, SpecError
from trioactors.messaging.mailbox import Mailbox
from trioactors.messaging.messages import Call
from trioactors.persistence.committer import Committer
from trioactors.persistence.store import Key, Space
from trioactors.serializer import Codec, Rule, Serializer
from trioactors.supervision.child import Incarnation

__all__ = ["DurableState"]

_NOTHING: Final = (None, NoneType, Any)
"""What a state may not be declared as."""


def _is_open(kind: object) -> bool:
    """Whether a generic type still lacks arguments."""
    return bool(getattr(kind, "__parameters__", None))


@attrs.define(eq=False)
class DurableState:
    """How the actors of one class keep their state."""

    owner: str
    """The class, for errors."""
    policy: Policy
    serializer: Serializer
    _kind: Callable[[], Any] = attrs.field(alias="kind", repr=False)
    """The state's type; raises `DefinitionError` where its name cannot be resolved."""
    base: type = attrs.field(repr=False)
    """The class of all actors: an annotation with one of them means a ref."""
    refs: Callable[[Any], Rule[Any, Any]] = attrs.field(repr=False)
    """How a ref to an actor of an annotated class is carried."""
    _codec: Codec[Any] | None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.serializer.knows_family(self.base):
            self.serializer.register_family(self.base, self.refs)

    def check_definition(self, declared: object) -> None:
        """Refuse a state that cannot be kept, if that can be known already. Raises `DefinitionError`."""
        if isinstance(declared, str | ForwardRef | TypeVar) or _is_open(declared):
            return
        try:
            self.codec()
        except DefinitionError as error:
            if not isinstance(error.__cause__, NameUnresolved):
                raise

    def codec(self) -> Codec[Any]:
        """The codec, built once. Raises `DefinitionError` if the state cannot be kept."""
        if self._codec is None:
            kind = self._kind()
            if kind in _NOTHING or isinstance(kind, TypeVar) or _is_open(kind):
                raise DefinitionError(
                    f"{self.owner} is durable and must say what its state is: write Actor[TheState], with an attrs class for TheState, "
                    f"and subclass a generic actor with its arguments"
                )
            try:
                self._codec = self.serializer.codec(kind)
            except SerializationError as error:
                raise DefinitionError(f"{self.owner}: its state cannot be kept. {error}") from error
        return self._codec

    def check_child(self, name: str | None) -> None:
        """Refuse a child that could never find its state again. Raises `SpecError`, `DefinitionError`."""
        if name is None:
            raise SpecError(f"{self.owner} is durable, so it needs a name: that is the key of its state. Write name=...")
        try:
            Key(Space.STATE, name)
        except ValueError as error:
            raise SpecError(f"{self.owner} is durable, and its name is the key of its state: {error}") from None
        self.codec()

    def saver(
        self,
        incarnation: Incarnation,
        mailbox: Mailbox,
        state: State,
        committer: Committer,
        discard_deferred: Callable[[Call], None],
    ) -> Saver:
        """What commits the *state* of this incarnation."""
        if isinstance(self.policy, EveryMessage):
            return OutputGate(incarnation, mailbox, state, committer, discard_deferred)
        return WriteBehind(incarnation, mailbox, state, committer, self.policy.seconds)
