"""What makes an actor durable: its policy, and the codec of its state. Both belong to the class, not to a system.

A state that cannot be stored is a mistake of its author, so it is reported as early as possible: when the class is defined or, if an
annotation names something that is defined later, when the class is declared as a child, or else started.
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, Final, TypeVar

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
"""Declarations that are not a state."""


def _is_open(kind: object) -> bool:
    """Whether a generic type still lacks arguments."""
    return bool(getattr(kind, "__parameters__", None))


@attrs.define(eq=False)
class DurableState:
    """How the actors of one class store their state."""

    owner: str
    """The name of the class, for errors."""
    policy: Policy
    serializer: Serializer
    _kind: Callable[[], Any] = attrs.field(alias="kind", repr=False)
    """Returns the type of the state. Raises `DefinitionError` if its name cannot be resolved."""
    bases: tuple[type, ...] = attrs.field(repr=False)
    """The classes whose name in an annotation, or that of a subclass, means a ref."""
    refs: Callable[[Any], Rule[Any, Any]] = attrs.field(repr=False)
    """Returns the serializer rule for refs to an annotated actor class."""
    _codec: Codec[Any] | None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for base in self.bases:
            if not self.serializer.knows_family(base):
                self.serializer.register_family(base, self.refs)

    def check_definition(self, declared: object) -> None:
        """Refuse a state that cannot be stored, as far as that is known yet. Raises `DefinitionError`."""
        if not isinstance(declared, TypeVar) and not _is_open(declared):
            self._check_codec()

    def _check_codec(self) -> None:
        """Make the codec, unless a name in an annotation does not exist yet. Raises `DefinitionError`."""
        try:
            self.codec()
        except DefinitionError as error:
            if not isinstance(error.__cause__, NameUnresolved | NameError | AttributeError):
                raise

    def codec(self) -> Codec[Any]:
        """The codec, built once. Raises `DefinitionError` if the state cannot be stored."""
        if self._codec is None:
            kind = self._kind()
            if kind in _NOTHING or isinstance(kind, TypeVar) or _is_open(kind):
                raise DefinitionError(
                    f"{self.owner} is durable and must declare its state: write Actor[TheState], with an attrs class for TheState, "
                    f"and subclass a generic actor with its arguments"
                )
            try:
                self._codec = self.serializer.codec(kind)
            except SerializationError as error:
                raise DefinitionError(f"{self.owner}: its state cannot be stored. {error}") from error
        return self._codec

    def check_child(self, name: str | None) -> None:
        """Refuse a child whose state could never be found again. Raises `SpecError`, `DefinitionError`."""
        if name is None:
            raise SpecError(f"{self.owner} is durable, so it needs a name: that is the key of its state. Write name=...")
        try:
            Key(Space.STATE, name)
        except ValueError as error:
            raise SpecError(f"{self.owner} is durable, and its name is the key of its state: {error}") from None
        self._check_codec()

    def saver(
        self,
        incarnation: Incarnation,
        mailbox: Mailbox,
        state: State,
        committer: Committer,
        discard_deferred: Callable[[Call], None],
    ) -> Saver:
        """The saver for the *state* of this incarnation."""
        if isinstance(self.policy, EveryMessage):
            return OutputGate(incarnation, mailbox, state, committer, discard_deferred)
        return WriteBehind(incarnation, mailbox, state, committer, self.policy.seconds)
