"""`EVERY_MESSAGE`: the output gate. Nothing leaves an actor before the state it follows from is committed.

The state is encoded after each message that may have changed it. The bytes serve three purposes: equal bytes mean that there is
nothing to write; the bytes before a message are restored after a declared error; the last committed bytes are restored after a
failed commit.

At most one commit of an actor is in flight. Meanwhile the actor continues to handle messages. Their replies and effects are
held in `_next`, which becomes the next commit: one write, however many messages it stands for.

    handler ends ──encode──> changed? ──> _next ──submit──> _in_flight ──committed──> replies, casts and timers leave
                                                               └────failed──> both undone, state as committed, callers get the error

A reply that follows from an uncommitted state waits for that commit, even if its own message changed nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from trioactors.durability.saver import Effect, Saver, State, undo_all
from trioactors.errors import SerializationError, Shutdown, StoreError, StoreUnavailable
from trioactors.errors.exits import alone
from trioactors.messaging.mailbox import Mailbox
from trioactors.messaging.messages import Call, Envelope, causation_of
from trioactors.persistence.committer import Committer, fresh
from trioactors.supervision.child import Incarnation, waiting_incarnation

__all__ = ["OutputGate"]


@attrs.define(eq=False)
class _Entry:
    """One write, and what waits for it."""

    data: bytes
    replies: list[tuple[Envelope, Callable[[Any], None] | None, Any]] = attrs.field(factory=list["tuple[Any, ...]"])
    """Each message, its reply function (None if the reply is deferred), and the value to reply with."""
    effects: list[Effect] = attrs.field(factory=list["Effect"])
    on_failure: list[Callable[[Exception], None]] = attrs.field(factory=list["Callable[[Exception], None]"])
    """Callbacks, besides the callers, that get the error if the commit fails."""


class OutputGate(Saver):
    """Holds replies and effects until the state they follow from is committed."""

    rolls_back = True

    def __init__(
        self,
        incarnation: Incarnation,
        mailbox: Mailbox,
        state: State,
        committer: Committer,
        discard_deferred: Callable[[Call], None],
    ) -> None:
        super().__init__(incarnation, mailbox, state, committer)
        self._discard_deferred = discard_deferred
        self._latest = b""
        """The state after the last message that succeeded."""
        self._in_flight: _Entry | None = None
        self._next: _Entry | None = None
        self._effects: list[Effect] = []
        """The effects of the handler in progress."""
        self._base_error: Exception | None = None
        """Why the state that the handler in progress started from is lost; None if it is not."""

    async def load(self) -> None:
        """Read the state, as in `Saver.load`."""
        await super().load()
        self._latest = self._committed
        self._release_effects()

    # --- holding ---

    @property
    def holding(self) -> bool:
        """Whether an effect sent now follows from a state that is not committed yet, or may not become so."""
        incarnation = self.incarnation
        if incarnation.ended is not None:
            return False
        return self.fenced or self._in_flight is not None or (self._recording and waiting_incarnation() is incarnation)

    def hold(self, effect: Effect) -> None:
        """Hold *effect* for the commit of the handler in progress; from a child task, for the newest commit."""
        if self._recording and waiting_incarnation() is self.incarnation:
            self._effects.append(effect)
        elif (entry := self._entry()) is not None:
            entry.effects.append(effect)
        else:  # the store has failed, and whether the state behind this effect is stored is unknown
            effect.undo(None)

    # --- the results of a handler ---

    def handled(self, envelope: Envelope, reply: Callable[[Any], None] | None, value: Any) -> SerializationError | None:
        """A handler returned: reply when that is safe, or refuse the message if its state cannot be written. Raises what hooks raise."""
        if self._base_error is not None:
            self._undo_current(envelope)
            return None
        try:
            entry = self._entry() if envelope.spec.reads else self._entry_for(self._encode())
        except SerializationError as error:
            self._refuse(envelope, error)
            return error
        if entry is None:
            self._reply(reply, value)
            self._release_effects()
        else:
            self._hold_reply(entry, envelope, reply, value)
            self._attach(entry)
        return None

    def _refuse(self, envelope: Envelope, error: SerializationError) -> None:
        """Undo a message whose state cannot be written. Its caller gets *error*; a message without a caller becomes a dead letter."""
        name, mailbox = self.incarnation.child.name, self._mailbox
        error.add_note(f"{name} undid {envelope.spec.name!r}, because the state that it left could not be written")
        self._roll_back(envelope)
        if isinstance(envelope, Call):
            mailbox.undone += 1
            envelope.fail(error)
        else:
            mailbox.dead_lettered += 1
            self._runtime.accounts.dead_letter(name, envelope, f"undone, because its state could not be written: {error}")

    def _hold_reply(self, entry: _Entry, envelope: Envelope, reply: Callable[[Any], None] | None, value: Any) -> None:
        """Let the reply wait for *entry*. Stop handling when as many replies are held as the mailbox has places."""
        mailbox = self._mailbox
        mailbox.held += 1
        self.blocked = mailbox.held >= mailbox.limit
        entry.replies.append((envelope, reply, value))

    def declared_error(self, envelope: Envelope, error: BaseException) -> None:
        """A handler raised a declared error: restore the state before it, and undo its effects."""
        if self._base_error is not None:
            self._undo_current(envelope)
            return
        self._roll_back(envelope)
        entry = self._entry()
        if entry is None:
            self._reply(envelope.fail, error)
        else:
            self._hold_reply(entry, envelope, envelope.fail, error)

    def expired(self, envelope: Envelope) -> None:
        """The deadline of a handler's caller passed: restore the state before it, and undo its effects."""
        if self._base_error is not None:
            self._undo_current(envelope)
        else:
            self._roll_back(envelope)
            self._mailbox.expired += 1

    def shut_down(self, envelope: Envelope) -> None:
        """A handler stopped this incarnation in order: restore the state before it, and undo its effects."""
        if self._base_error is not None:
            self._restore_base()
        else:
            self._roll_back(envelope)

    def _roll_back(self, envelope: Envelope) -> None:
        if not envelope.spec.reads and not self._unchanged():
            self._state.restore(self._latest)
        self._undo_effects()
        self._discard_reply(envelope)

    def close(self) -> None:
        """Undo the effects of the handler in progress. What is handled already still goes to its commit."""
        self._undo_effects()
        self._base_error = None

    def _unchanged(self) -> bool:
        try:
            return self._encode() == self._latest
        except SerializationError:  # the changed state cannot even be encoded
            return False

    def _undo_current(self, envelope: Envelope) -> None:
        """Undo the message in progress: the state it started from is lost."""
        error = self._restore_base()
        self._mailbox.undone += 1
        self._fail(envelope, _not_written(error))

    def _restore_base(self) -> Exception:
        """Restore the last committed state, and undo the handler in progress. Returns why its base is lost."""
        error, self._base_error = self._base_error, None
        assert error is not None  # only called with a lost base
        self._undo_effects(_not_written(error))
        if not self.fenced:
            self._state.restore(self._latest)
        return error

    def _fail(self, envelope: Envelope, error: Exception) -> None:
        """Treat the message as never handled; its reply is *error*."""
        self._discard_reply(envelope)
        envelope.fail(error)

    def _discard_reply(self, envelope: Envelope) -> None:
        """Forget a deferred reply: the call is answered in another way now."""
        if isinstance(envelope, Call):
            self._discard_deferred(envelope)

    def _undo_effects(self, error: Exception | None = None) -> None:
        effects, self._effects = self._effects, []
        undo_all(effects, error)

    # --- hooks ---

    async def in_hook(self, hook: Callable[[], Awaitable[None]]) -> None:
        """Run a hook like a handler without a caller, and wait for its commit."""
        failed: list[Exception] = []
        done = False
        try:
            await super().in_hook(hook)
            if self.fenced:
                return  # on_stop without a store: its changes cannot be stored, so its effects cannot leave
            if self._base_error is not None:
                raise _not_written(self._restore_base())
            entry = self._entry_for(self._encode())
            done = True
        finally:
            if not done:
                error = sys.exception()
                if error is not None and isinstance(alone(error), Shutdown):
                    self._state.restore(self._latest)  # an orderly stop: on_stop starts from the state before this hook
                self.close()
        if entry is None:
            self._release_effects()
        else:
            entry.on_failure.append(failed.append)
            self._attach(entry)
        await self.drained()
        if failed:
            await self._wait_for_store_restart()
            raise failed[0]

    # --- entries ---

    def _entry(self) -> _Entry | None:
        """The commit that an unchanged state waits for, if any."""
        return self._next or self._in_flight

    def _entry_for(self, data: bytes) -> _Entry | None:
        """The commit that carries the state *data*; None if it is committed already."""
        if data == self._latest:
            return self._entry()
        self._latest = data
        if self._next is None:
            self._next = _Entry(data)
        else:
            self._next.data = data
        return self._next

    def _attach(self, entry: _Entry) -> None:
        if self._effects:
            entry.effects += self._effects
            self._effects = []
        if self._in_flight is None:
            self._submit()

    def _submit(self) -> None:
        entry = self._in_flight = self._next
        self._next = None
        assert entry is not None  # only called with a next entry
        self._commit(entry.data)

    def _correlation(self) -> int | None:
        writers = (
            [] if self._in_flight is None else [envelope for envelope, _, _ in self._in_flight.replies if not envelope.spec.reads]
        )
        chains = {causation_of(envelope).correlation for envelope in writers}
        return chains.pop() if len(chains) == 1 else None

    def _commit_succeeded(self) -> None:
        entry, self._in_flight = self._in_flight, None
        assert entry is not None  # it has just been committed
        following = self._next
        if following is not None and following.data != self._committed:
            self._submit()
            following = None
        else:
            self._next = None
        self._release(entry)
        if following is not None:  # the state is back at what was just committed: nothing to write
            self._release(following)
        self.blocked = self.fenced

    def _release(self, entry: _Entry) -> None:
        self._mailbox.held -= len(entry.replies)
        for _, reply, value in entry.replies:
            self._reply(reply, value)
        for effect in entry.effects:
            effect.release()

    def _reply(self, reply: Callable[[Any], None] | None, value: Any) -> None:
        self._mailbox.handled += 1
        if reply is not None:
            reply(value)

    def _release_effects(self) -> None:
        if self._effects:
            effects, self._effects = self._effects, []
            for effect in effects:
                effect.release()

    def _commit_failed(self, error: Exception) -> None:
        """The commit in flight failed: undo it, and what follows from it."""
        entry, self._in_flight = self._in_flight, None
        following, self._next = self._next, None
        assert entry is not None  # it was in flight
        self.blocked = False
        alive = self.incarnation.ended is None and not self.detached
        ends = alive and self._ends_incarnation(error)
        if alive and not ends:
            self._latest = self._committed
        self._undo_effects(_not_written(error))  # the handler in progress came last, so it is undone first
        if following is not None:
            self._undo(following, _not_written(error))
        self._undo(entry, error)
        if alive and self._recording:
            self._base_error = error
        elif alive and not ends:
            try:
                self._state.restore(self._latest)
            except Exception as failed:  # user code in on_load failed; raising from this callback would reach no supervisor
                self.incarnation.crash(failed)

    def _undo(self, entry: _Entry, error: Exception) -> None:
        mailbox = self._mailbox
        mailbox.held -= len(entry.replies)
        mailbox.undone += len(entry.replies)
        undo_all(entry.effects, error)
        for envelope, _, _ in entry.replies:
            self._fail(envelope, fresh(error))
        for on_failure in entry.on_failure:
            on_failure(fresh(error))


def _not_written(error: Exception) -> Exception:
    """The error for messages whose own commit was never submitted, because the one before it failed."""
    if isinstance(error, StoreError) and error.retryable:
        return fresh(error)
    unavailable = StoreUnavailable(f"not written, because the commit before it failed: {error}")
    unavailable.__cause__ = error
    return unavailable
