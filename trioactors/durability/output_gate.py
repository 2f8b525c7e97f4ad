"""`EVERY_MESSAGE`: the output gate. Nothing leaves an actor before the state it follows from is committed.

The state is encoded after each message that may have changed it, and the bytes serve three ends: equal bytes mean that there is nothing to
write; the bytes before a message are what a declared error goes back to; the last committed bytes are what a failed commit goes back to.

At most one commit of an actor is on its way. Meanwhile it handles on, and what those messages answer and send is held in `_next`, which
becomes the following commit: one write, however many messages stand behind it.

    handler ends ──encode──> changed? ──> _next ──submit──> _in_flight ──committed──> answers, casts and timers leave
                                                               └────failed──> both undone, state as committed, callers get the error

An answer that follows from an uncommitted state waits for it too, also when its own message changed nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from trioactors.durability.saver import Effect, Saver, State, undo_all
from trioactors.errors import SerializationError, Shutdown, StoreError, StoreUnavailable
from trioactors.messaging.mailbox import Mailbox
from trioactors.messaging.messages import Call, Envelope, causation_of
from trioactors.persistence.committer import Committer, fresh
from trioactors.supervision.child import Incarnation, waiting_incarnation

__all__ = ["OutputGate"]


@attrs.define(eq=False)
class _Entry:
    """One write, and what waits for it."""

    data: bytes
    answers: list[tuple[Envelope, Callable[[Any], None] | None, Any]] = attrs.field(factory=list["tuple[Any, ...]"])
    """Each message, how it is answered (not at all, if its reply is deferred), and with what."""
    effects: list[Effect] = attrs.field(factory=list["Effect"])
    on_failure: list[Callable[[Exception], None]] = attrs.field(factory=list["Callable[[Exception], None]"])
    """Who besides the callers of messages is told if it fails."""


class OutputGate(Saver):
    """The output gate of `EVERY_MESSAGE`: nothing leaves before the state it follows from is committed."""

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
        """The state after the last message that ended well."""
        self._in_flight: _Entry | None = None
        self._next: _Entry | None = None
        self._effects: list[Effect] = []
        """What the handler in progress has sent so far."""
        self._base_error: Exception | None = None
        """Why the state that the handler in progress began with is lost."""

    async def load(self) -> None:
        """As `Saver.load`."""
        await super().load()
        self._latest = self._committed
        self._release_effects()

    # --- holding ---

    @property
    def holding(self) -> bool:
        """Whether what is sent now follows from a state that is not committed yet, or may not be."""
        incarnation = self.incarnation
        if incarnation.ended is not None:
            return False
        return self.fenced or self._in_flight is not None or (self._recording and waiting_incarnation() is incarnation)

    def hold(self, effect: Effect) -> None:
        """Keep *effect* for the commit of the handler in progress; sent by a task beside it, for the newest commit there is."""
        if self._recording and waiting_incarnation() is self.incarnation:
            self._effects.append(effect)
        elif (entry := self._entry()) is not None:
            entry.effects.append(effect)
        else:  # the store is gone, and nobody can say whether what this follows from is kept
            effect.undo()

    # --- the ends of a handler ---

    def handled(self, envelope: Envelope, answer: Callable[[Any], None] | None, value: Any) -> None:
        """A handler returned. Answer when that is safe. Raises what encoding raises, before anything has changed."""
        if self._base_error is not None:
            self._undo_current(envelope)
            return
        entry = self._entry() if envelope.spec.reads else self._entry_for(self._encode())
        if entry is None:
            self._answer(envelope, answer, value)
            self._release_effects()
            return
        self._hold_answer(entry, envelope, answer, value)
        self._attach(entry)

    def _hold_answer(self, entry: _Entry, envelope: Envelope, answer: Callable[[Any], None] | None, value: Any) -> None:
        """The answer waits for *entry*. Who holds as many as its mailbox has places handles nothing more for now."""
        mailbox = self._mailbox
        mailbox.held += 1
        self.blocked = mailbox.held >= mailbox.limit
        entry.answers.append((envelope, answer, value))

    def declared_error(self, envelope: Envelope, error: BaseException) -> None:
        """A handler raised a declared error: the state is as before it, and so is everything else."""
        if self._base_error is not None:
            self._undo_current(envelope)
            return
        self._roll_back(envelope)
        entry = self._entry()
        if entry is None:
            self._answer(envelope, envelope.fail, error)
        else:
            self._hold_answer(entry, envelope, envelope.fail, error)

    def expired(self, envelope: Envelope) -> None:
        """The time of a handler's caller was up: the state is as before it."""
        if self._base_error is not None:
            self._undo_current(envelope)
        else:
            self._roll_back(envelope)
            self._mailbox.expired += 1

    def shut_down(self, envelope: Envelope) -> None:
        """A handler ended this life in order: the state is as before it, and what it sent was never sent."""
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
        """As `Saver.close`: what the handler in progress sent was never sent, what was handled goes on to its commit."""
        self._undo_effects()
        self._base_error = None

    def _unchanged(self) -> bool:
        try:
            return self._encode() == self._latest
        except SerializationError:  # it cannot even be written
            return False

    def _undo_current(self, envelope: Envelope) -> None:
        """The handler in progress stood on a state that is lost."""
        error = self._restore_base()
        self._mailbox.undone += 1
        self._fail(envelope, _not_written(error))

    def _restore_base(self) -> Exception:
        """To the state before the handler in progress, and before what it stood on; why that is lost."""
        error, self._base_error = self._base_error, None
        assert error is not None  # why this was called
        self._undo_effects()
        if not self.fenced:
            self._state.restore(self._latest)
        return error

    def _fail(self, envelope: Envelope, error: Exception) -> None:
        """The message is as if it had never been handled; what reply it is owed is this error."""
        self._discard_reply(envelope)
        envelope.fail(error)

    def _discard_reply(self, envelope: Envelope) -> None:
        """If its reply was deferred, it is answered by something else now."""
        if isinstance(envelope, Call):
            self._discard_deferred(envelope)

    def _undo_effects(self) -> None:
        effects, self._effects = self._effects, []
        undo_all(effects)

    # --- hooks ---

    async def in_hook(self, hook: Callable[[], Awaitable[None]]) -> None:
        """As `Saver.in_hook`: a handler without a caller, whose commit the actor waits for."""
        failed: list[Exception] = []
        done = False
        try:
            await super().in_hook(hook)
            if self.fenced:
                return  # a good-bye without a store below: what it did can neither be kept nor leave
            if self._base_error is not None:
                raise _not_written(self._restore_base())
            entry = self._entry_for(self._encode())
            done = True
        except Shutdown:  # an orderly end, with a good-bye that is committed: it begins with the state before this
            self._state.restore(self._latest)
            raise
        finally:
            if not done:
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
        """The commit that a state which did not change waits for, if there is one."""
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
        assert entry is not None  # why this was called
        self._commit(entry.data)

    def _correlation(self) -> int | None:
        writers = (
            [] if self._in_flight is None else [envelope for envelope, _, _ in self._in_flight.answers if not envelope.spec.reads]
        )
        chains = {causation_of(envelope).correlation for envelope in writers}
        return chains.pop() if len(chains) == 1 else None

    def _commit_succeeded(self) -> None:
        entry, self._in_flight = self._in_flight, None
        assert entry is not None  # it was committed
        following = self._next
        if following is not None and following.data != self._committed:
            self._submit()
            following = None
        else:
            self._next = None
        self._release(entry)
        if following is not None:  # back to what was just committed: nothing to write
            self._release(following)
        self.blocked = self.fenced

    def _release(self, entry: _Entry) -> None:
        self._mailbox.held -= len(entry.answers)
        for envelope, answer, value in entry.answers:
            self._answer(envelope, answer, value)
        for effect in entry.effects:
            effect.release()

    def _answer(self, envelope: Envelope, answer: Callable[[Any], None] | None, value: Any) -> None:
        self._mailbox.handled += 1
        if answer is not None:
            answer(value)
        del envelope

    def _release_effects(self) -> None:
        if self._effects:
            effects, self._effects = self._effects, []
            for effect in effects:
                effect.release()

    def _commit_failed(self, error: Exception) -> None:
        """The commit on its way failed, and with it what stands on it."""
        entry, self._in_flight = self._in_flight, None
        following, self._next = self._next, None
        assert entry is not None  # it was on its way
        self.blocked = False
        alive = self.incarnation.ended is None and not self.detached
        ends = alive and self._ends_incarnation(error)
        if alive and not ends:
            self._latest = self._committed
        self._undo_effects()  # of a handler in progress: it came last, so it is undone first
        if following is not None:
            self._undo(following, _not_written(error))
        self._undo(entry, error)
        if alive and self._recording:
            self._base_error = error
        elif alive and not ends:
            try:
                self._state.restore(self._latest)
            except Exception as failed:  # on_load is the user's; in a callback nobody else would hear of it
                self.incarnation.crash(failed)

    def _undo(self, entry: _Entry, error: Exception) -> None:
        mailbox = self._mailbox
        mailbox.held -= len(entry.answers)
        mailbox.undone += len(entry.answers)
        undo_all(entry.effects)
        for envelope, _, _ in entry.answers:
            self._fail(envelope, fresh(error))
        for on_failure in entry.on_failure:
            on_failure(fresh(error))


def _not_written(error: Exception) -> Exception:
    """What those are told whose own commit was never begun, because the one before it failed."""
    if isinstance(error, StoreError) and error.retryable:
        return fresh(error)
    unavailable = StoreUnavailable(f"not written, because the commit before it failed: {error}")
    unavailable.__cause__ = error
    return unavailable
