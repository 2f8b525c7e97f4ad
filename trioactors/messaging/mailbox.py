"""The mailbox: a bounded first-in first-out queue that belongs to the child, not to the incarnation.

It behaves as Trio's memory channel does (a full one makes senders wait, in order) and differs in three ways that an actor needs. It can
be read without a task switch per message, it can be looked into, and a call that waits for room parks its caller once only, for the
reply: whoever makes room moves the envelope in, nobody needs to wake.

Invariants:

* `active` is False exactly when the queue is empty and no handler runs: the actor is parked here as `reader`, or does not live.
  `Activity` counts the active ones, which makes `quiesce` exact.
* every envelope that was counted in `accepted` leaves through exactly one other counter; `ledger` always balances.
* after `close` the queue is empty and stays so; the next start by hand clears `closed`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final

import attrs
import trio

from trioactors.errors import ActorStopped, MailboxFull
from trioactors.messaging.ledger import Ledger
from trioactors.messaging.messages import Admission, Call, Envelope
from trioactors.messaging.overload import Needs
from trioactors.scheduling.activity import Activity
from trioactors.scheduling.deadlines import SMALLEST_SWEEP
from trioactors.settings import Overflow

__all__ = ["Mailbox", "count_shed", "ledger_of", "refused"]


@attrs.define(eq=False)
class Mailbox:
    """What waits for one actor."""

    owner: str
    limit: int
    overflow: Overflow
    _activity: Activity = attrs.field(alias="activity", repr=False)
    _dead_letter: Callable[[Envelope, str], None] = attrs.field(alias="dead_letter", repr=False)
    """Told of each cast that becomes a dead letter, with the cause."""
    queue: deque[Envelope] = attrs.field(factory=deque[Envelope], repr=False)
    active: bool = False
    attention: bool = False
    """Whether somebody may be waiting for room, or looks on: the actor then calls `attend` between messages."""
    lookers: list[Callable[[], None]] | tuple[()] = attrs.field(default=(), repr=False)
    """Called between messages; tests wait with it for a state."""
    current: Envelope | None = None
    closed: Callable[[], ActorStopped] | None = attrs.field(default=None, repr=False)
    peak: int = 0
    """The most messages that ever waited."""
    rejected: int = 0
    """Messages refused because the mailbox was full; they were never accepted."""
    accepted: int = 0
    handled: int = 0
    dropped: int = 0
    expired: int = 0
    abandoned: int = 0
    dead_lettered: int = 0
    crashed: int = 0
    undone: int = 0
    refused: int = 0
    held: int = 0
    """Messages that were handled and whose answers wait for a commit."""
    needs: Needs | None = attrs.field(default=None, repr=False)
    """What was learned, since it was last empty, from calls that were begun in vain; None where nothing was."""
    _senders: deque[Call | Admission] | None = attrs.field(default=None, repr=False)
    """Those who wait for room; made when the first one does, since an empty deque weighs as much as the rest of an idle actor's."""
    _sweep_at: int = attrs.field(default=SMALLEST_SWEEP, repr=False)
    """How many may wait for room before those are dropped who gave up: nothing else would, while an actor is stuck in one message."""
    _reader: trio.lowlevel.Task | None = attrs.field(default=None, repr=False)

    # --- the sender's side ---

    def put(self, envelope: Envelope) -> bool:
        """Accept *envelope* if there is room; tell whether there was. Raises `ActorStopped` on a closed mailbox."""
        if self.closed is not None:
            raise self.closed()
        queue = self.queue
        waiting = len(queue)
        if waiting >= self.limit and not self._make_room():
            return False
        queue.append(envelope)
        if waiting >= self.peak:
            self.peak = len(queue)
        self.accepted += 1
        if not self.active:
            self.wake()
        return True

    def put_tick(self, envelope: Envelope) -> None:
        """Accept a timer's tick whatever the limit: each timer has at most one of them waiting."""
        self.queue.append(envelope)
        self.accepted += 1
        if not self.active:
            self.wake()

    def put_call(self, call: Call) -> None:
        """Accept *call* now or when there is room; its caller parks for the reply either way."""
        waiting = len(self.queue)
        if waiting < self.limit and self.closed is None:  # as `put`, without the detour: this is every call's way
            self.queue.append(call)
            self.accepted += 1
            if waiting >= self.peak:
                self.peak = waiting + 1
            if not self.active:
                self.wake()
        elif not self.put(call):
            if self.overflow is Overflow.FAIL:
                raise refused(self)
            self.wait_for_room(call)

    def wait_for_room(self, sender: Call | Admission, *, bounded: bool = False) -> bool:
        """Let *sender* in when there is room. If *bounded*, no more wait for room than may wait inside; tell whether it may."""
        if self._senders is None:
            self._senders = deque()
        if len(self._senders) >= self._sweep_at:
            self._senders = deque(waiting for waiting in self._senders if not waiting.gone)
            self._sweep_at = max(SMALLEST_SWEEP, 2 * len(self._senders))
        if bounded and len(self._senders) >= self.limit:
            return False
        self.attention = True
        self._senders.append(sender)
        return True

    def _make_room(self) -> bool:
        """The limit is reached: shed what nobody waits for, else do as `overflow` says."""
        if any(envelope.gone for envelope in self.queue):
            self._shed_gone()
            self._admit()
            if len(self.queue) < self.limit:
                return True
        if self.overflow is not Overflow.DROP_OLDEST:
            return False
        while self._drop_oldest().tick is not None and len(self.queue) >= self.limit:
            pass  # a tick had come in beyond the limit, so its place is not one that others may have
        return True

    def _drop_oldest(self) -> Envelope:
        oldest = self.queue.popleft()
        self.dropped += 1
        if oldest.tick is not None:
            oldest.tick.delivered()
        if isinstance(oldest, Call):
            oldest.fail(MailboxFull(f"the mailbox of {self.owner} was full, and this message the oldest in it: dropped"))
        return oldest

    def _shed_gone(self) -> None:
        kept: list[Envelope] = []
        for envelope in self.queue:
            if envelope.gone:
                count_shed(self, envelope)
            else:
                kept.append(envelope)
        self.queue.clear()
        self.queue.extend(kept)

    def wake(self) -> None:
        """There is something to do: a message, a start, or a stop that was asked for."""
        if self.active:
            return
        self.active = True
        self._activity.busy += 1
        if self._reader is not None:
            reader, self._reader = self._reader, None
            trio.lowlevel.reschedule(reader)

    def set_idle(self) -> None:
        """There is nothing to do."""
        if self.active and not self.queue:
            self.active = False
            self._activity.less()

    # --- the actor's side ---

    def park(self, task: trio.lowlevel.Task) -> None:
        """The actor's own *task* is about to wait until there is something to do. The queue is empty."""
        self._reader = task
        self.needs = None
        if self.attention:
            self.attend()
        self.active = False
        activity = self._activity
        if activity.busy > 1:
            activity.busy -= 1
        else:
            activity.less()
        if self.queue:  # somebody who waited for room was let in just now
            self.wake()

    def unpark(self, _: object) -> trio.lowlevel.Abort:
        """The parked task is cancelled."""
        self._reader = None
        self.wake()
        return trio.lowlevel.Abort.SUCCEEDED

    def attend(self) -> None:
        """Between two messages: let in who waits for room, and let those look who do."""
        self._admit()
        for looker in self.lookers:
            looker()
        self.attention = bool(self._senders or self.lookers)

    def _admit(self) -> None:
        """Move in those who wait for room, in their order, as far as there is room."""
        while self._senders and len(self.queue) < self.limit:
            sender = self._senders.popleft()
            if sender.gone:
                continue
            self.queue.append(sender)
            self.accepted += 1
            if isinstance(sender, Admission):
                sender.accept()

    def withdraw_tick(self, timer: object) -> None:
        """Drop the waiting tick of a timer that is cancelled."""
        for envelope in self.queue:
            if envelope.tick is timer:
                self.queue.remove(envelope)
                self.expired += 1
                return

    # --- the supervisor's side ---

    def close(self, closed: Callable[[], ActorStopped], cause: str) -> None:
        """The child will not come back by itself: refuse the calls, bury the casts, accept nothing more."""
        self.closed = closed
        while self.queue:
            envelope = self.queue.popleft()
            if isinstance(envelope, Call):
                self.refused += 1
                envelope.fail(closed())
            else:
                self.dead_lettered += 1
                self._dead_letter(envelope, cause)
        while self._senders:
            self._senders.popleft().fail(closed())
        if self.current is None:
            self.set_idle()

    @property
    def ledger(self) -> Ledger:
        """The account of this mailbox as it is now."""
        return ledger_of([self])

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self.queue)


_COUNTED: Final = tuple(field.name for field in attrs.fields(Ledger) if field.name not in {"in_progress", "waiting"})
"""What a mailbox counts under the same name as a ledger."""


def ledger_of(mailboxes: Sequence[Mailbox]) -> Ledger:
    """The accounts of all *mailboxes* in one; there may be very many."""
    return Ledger(
        in_progress=sum((mailbox.current is not None) + mailbox.held for mailbox in mailboxes),
        waiting=sum(len(mailbox.queue) for mailbox in mailboxes),
        **{name: sum(map(attrgetter(name), mailboxes)) for name in _COUNTED},
    )


def refused(mailbox: Mailbox) -> MailboxFull:
    """The error for a message that was not accepted, counted."""
    mailbox.rejected += 1
    return MailboxFull(f"the mailbox of {mailbox.owner} is full: {len(mailbox.queue)} messages wait; nothing was sent")


def count_shed(mailbox: Mailbox, envelope: Envelope) -> None:
    """Count a message that is dropped unhandled: its deadline passed or is too near, or before that its caller had gone."""
    if envelope.deadline <= trio.current_time() or not envelope.gone:
        mailbox.expired += 1
    else:
        mailbox.abandoned += 1
