"""The mailbox: a bounded first-in first-out queue that belongs to the child, not to the incarnation.

It behaves like Trio's memory channel (if it is full, senders wait in order), with three differences that an actor needs. It can
be read without a task switch for each message. It can be inspected. And a call that waits for room parks its caller only once,
for the reply: whatever makes room moves the envelope in, without waking the caller.

Invariants:

* `active` is False exactly when the queue is empty and no handler runs: the actor is parked here as `_reader`, or is not running. An actor
  that is held by a pause is parked, too, but active: messages wait.
  `Activity` counts the active mailboxes, which makes `quiesce` exact.
* Every envelope counted in `accepted` leaves through exactly one other counter, so `ledger` always balances.
* After `close` the queue is empty and stays empty; the next start clears `closed`.
* A call whose caller waits is among `queue`, `current`, `_senders` or `shed`, held for a commit, or deferred: its caller can be told.
* While the mailbox is drained, `closed` is set too, so that sending looks twice; it then admits some senders.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from typing import Final

import attrs
import trio

from trioactors.errors import ActorStopped, MailboxFull, TrioactorsError
from trioactors.messaging.ledger import Ledger
from trioactors.messaging.messages import Admission, Call, Envelope, Sender
from trioactors.messaging.overload import Needs
from trioactors.messaging.pause import Pause
from trioactors.scheduling.activity import Activity
from trioactors.scheduling.deadlines import SMALLEST_SWEEP
from trioactors.settings import Overflow

__all__ = [
    "Mailbox",
    "Refusal",
    "begin_drain",
    "count_shed",
    "end_drain",
    "is_over",
    "is_parked",
    "ledger_of",
    "looked_at",
    "refused",
]


@attrs.frozen(eq=False)
class Refusal:
    """Why a mailbox refuses messages: it is closed, or it is drained and still admits some senders."""

    error: Callable[[], TrioactorsError]
    admits: Callable[[Sender | None], bool] | None = None
    """Whether a sender may still send, while the mailbox is drained; None if it is closed."""
    look: Callable[[], None] | None = None
    """Called between messages while the mailbox is drained."""

    def check(self, sender: Sender | None) -> None:
        """Raise the error if messages of *sender* are refused: `ActorStopped`, or `UsageError` in a forked process."""
        if self.admits is None or not self.admits(sender):
            raise self.error()


@attrs.define(eq=False)
class Mailbox:
    """The messages that wait for one actor, and their account."""

    owner: str
    limit: int
    overflow: Overflow
    _activity: Activity = attrs.field(alias="activity", repr=False)
    _dead_letter: Callable[[Envelope, str], None] = attrs.field(alias="dead_letter", repr=False)
    """Called with each cast that becomes a dead letter, and the cause."""
    queue: deque[Envelope] = attrs.field(factory=deque[Envelope], repr=False)
    active: bool = False
    pause: Pause | None = attrs.field(default=None, repr=False)
    """Set while the actor takes no message, by `ta.pause`."""
    attention: bool = False
    """Whether senders may be waiting for room, `lookers` are present, or the actor is paused: it then looks at that between messages."""
    lookers: list[Callable[[], None]] | tuple[()] = attrs.field(default=(), repr=False)
    """Callbacks run between messages; tests use them to wait for a state."""
    current: Envelope | None = None
    closed: Refusal | None = attrs.field(default=None, repr=False)
    """Which messages are refused; None while none are."""
    peak: int = 0
    """The most messages that ever waited at once."""
    rejected: int = 0
    """Messages refused because the mailbox was full. They were never accepted."""
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
    """Messages that were handled and whose replies wait for a commit."""
    needs: Needs | None = attrs.field(default=None, repr=False)
    """The time that handlers need, learned from late replies since the start or since the mailbox was last empty; None if nothing was."""
    shed: dict[Call, None] | None = attrs.field(default=None, repr=False)
    """The calls that were dropped unhandled and whose callers wait for their deadlines. They are told if the actor stops before."""
    _senders: deque[Call | Admission] | None = attrs.field(default=None, repr=False)
    """The senders that wait for room. Made on first use: an empty deque weighs as much as the rest of an idle actor's mailbox."""
    _sweep_at: int = attrs.field(default=SMALLEST_SWEEP, repr=False)
    """The number of waiting senders at which those that gave up are dropped. Nothing else drops them while a handler is stuck."""
    _reader: trio.lowlevel.Task | None = attrs.field(default=None, repr=False)

    # --- the sender's side ---
    # `put` and `put_call` run for every message: one comparison each for the limit, the peak and a sleeping actor, and no call unless
    # there is something to do.

    def put(self, envelope: Envelope) -> bool:
        """Accept *envelope* if there is room, and return whether there was. Raises `ActorStopped` if the mailbox is closed."""
        if self.closed is not None:
            self.closed.check(envelope.sender)
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
        """Accept a message that the actor owes itself (a timer's tick, for example), even beyond the limit.

        Each of its sources has at most one waiting.
        """
        self.queue.append(envelope)
        self.accepted += 1
        if not self.active:
            self.wake()

    def put_call(self, call: Call) -> None:
        """Accept *call* now, or when there is room. Its caller parks for the reply in both cases."""
        waiting = len(self.queue)
        if waiting < self.limit and self.closed is None:  # the same as `put`, inlined: every call comes this way
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
        """Add *sender* to those that wait for room.

        If *bounded*, no more may wait than the mailbox has places; returns whether the sender was added.
        """
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
        """Try to make room at the limit: drop messages whose callers are gone, then apply `overflow`."""
        if any(envelope.gone for envelope in self.queue):
            self._shed_gone()
            self._admit()
            if len(self.queue) < self.limit:
                return True
        if self.overflow is not Overflow.DROP_OLDEST:
            return False
        while self._drop_oldest().tick is not None and len(self.queue) >= self.limit:
            pass  # a tick that came in beyond the limit leaves no place for others
        return True

    def _drop_oldest(self) -> Envelope:
        oldest = self.queue.popleft()
        self.dropped += 1
        if oldest.tick is not None:
            oldest.tick.delivered()
        if isinstance(oldest, Call):
            oldest.fail(MailboxFull(f"the mailbox of {self.owner} was full, and this message was the oldest in it: dropped"))
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
        """Become active: there is a message, a start, or a request to stop."""
        if not self.active:
            self.active = True
            self._activity.busy += 1
        if self._reader is not None:  # parked; an actor that is held by a pause is active
            reader, self._reader = self._reader, None
            trio.lowlevel.reschedule(reader)

    def set_idle(self) -> None:
        """Become idle, if the queue is empty."""
        if self.active and not self.queue:
            self.active = False
            self._activity.less()

    # --- the actor's side ---

    def park(self, task: trio.lowlevel.Task) -> None:
        """Register *task*, the actor's own, as the one to wake, and become idle unless messages wait (in a pause).

        It must wait now, before anything else runs: a task that is woken before it waits is woken twice if it is cancelled then. So
        `attend`, which lets senders in and calls others, comes before this.
        """
        self._reader = task
        if self.queue:
            return
        self.needs = None
        self.active = False
        activity = self._activity
        if activity.busy > 1:  # `less` inlined: it only matters when the last active mailbox becomes idle
            activity.busy -= 1
        else:
            activity.less()

    def unpark(self, _: object) -> trio.lowlevel.Abort:
        """Abort the wait of the parked task."""
        self._reader = None
        self.wake()
        return trio.lowlevel.Abort.SUCCEEDED

    def attend(self, taken: Envelope | None = None) -> None:
        """Between two messages: let waiting senders in, and run the `lookers`.

        The message that was *taken* and is not begun counts as in progress for observers that are told of those senders.
        """
        self.current = taken
        self._admit()
        self.current = None
        for looker in self.lookers:
            looker()
        self.attention = bool(self._senders or self.lookers or self.pause)

    def _admit(self) -> None:
        """Move waiting senders in, in order, while there is room."""
        while self._senders and len(self.queue) < self.limit:
            sender = self._senders.popleft()
            if sender.gone:
                continue
            self.queue.append(sender)
            self.accepted += 1
            if isinstance(sender, Admission):
                sender.accept()

    def withdraw_tick(self, timer: object) -> None:
        """Drop the waiting tick of a cancelled timer."""
        for envelope in self.queue:
            if envelope.tick is timer:
                self.queue.remove(envelope)
                self.expired += 1
                return

    # --- the supervisor's side ---

    def close(self, closed: Callable[[], TrioactorsError], cause: str) -> None:
        """Refuse the waiting calls, turn the waiting casts into dead letters, and accept nothing more: the child will not be restarted."""
        end_drain(self)
        self.closed = Refusal(closed)
        self.pause = None
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
        for call in self.shed or ():
            call.fail(closed())
        self.shed = None
        if self.current is None:
            self.set_idle()

    @property
    def ledger(self) -> Ledger:
        """The account of this mailbox as of now."""
        return ledger_of([self])

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self.queue)


def is_over(mailbox: Mailbox) -> bool:
    """Whether *mailbox* is closed: its child will not be restarted."""
    return mailbox.closed is not None and mailbox.closed.admits is None


def is_parked(mailbox: Mailbox) -> bool:
    """Whether the actor waits for a message, or for the end of a pause: it runs no handler and no hook."""
    return mailbox._reader is not None  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its own module


def begin_drain(mailbox: Mailbox, admits: Callable[[Sender | None], bool], at_rest: Callable[[], None]) -> None:
    """Refuse messages from now on, except from senders that *admits* admits. Calls *at_rest* when there may be no more to do.

    Without effect if *mailbox* is drained or closed already.
    """
    if mailbox.closed is not None:
        return

    def draining() -> ActorStopped:
        return ActorStopped(
            f"{mailbox.owner} is being drained: it handles what it has accepted, takes no new messages, and then stops"
        )

    def look() -> None:
        if mailbox.pause or not mailbox.queue:
            at_rest()

    mailbox.closed = Refusal(draining, admits, look)
    mailbox.lookers = [*mailbox.lookers, look]
    mailbox.attention = True


def end_drain(mailbox: Mailbox) -> None:
    """Accept messages from all senders again. Without effect if *mailbox* is not drained."""
    drain = mailbox.closed
    if drain is not None and drain.admits is not None:
        mailbox.closed = None
        mailbox.lookers = [looker for looker in mailbox.lookers if looker is not drain.look]


_COUNTED: Final = tuple(field.name for field in attrs.fields(Ledger) if field.name not in {"in_progress", "waiting"})
"""The counters that a mailbox and a ledger share by name."""


@contextmanager
def looked_at(mailbox: Mailbox, look: Callable[[], None]) -> Generator[None, None, None]:
    """Call *look*, while the block runs, between the messages of the actor."""
    mailbox.lookers = [*mailbox.lookers, look]
    mailbox.attention = True
    try:
        yield
    finally:
        mailbox.lookers = [other for other in mailbox.lookers if other is not look]


def ledger_of(mailboxes: Sequence[Mailbox]) -> Ledger:
    """The sum of the accounts of *mailboxes*. Fast, because there may be very many."""
    return Ledger(
        in_progress=sum((mailbox.current is not None) + mailbox.held for mailbox in mailboxes),
        waiting=sum(len(mailbox.queue) for mailbox in mailboxes),
        **{name: sum(map(attrgetter(name), mailboxes)) for name in _COUNTED},
    )


def refused(mailbox: Mailbox) -> MailboxFull:
    """Count a message that was not accepted, and return the error for its sender."""
    mailbox.rejected += 1
    return MailboxFull(f"the mailbox of {mailbox.owner} is full: {len(mailbox.queue)} messages wait; nothing was sent")


def count_shed(mailbox: Mailbox, envelope: Envelope) -> None:
    """Count a message that is dropped unhandled: expired if its deadline passed or was too near, abandoned if its caller was gone.

    A caller that still waits for its deadline is told if the actor stops before.
    """
    if envelope.deadline <= trio.current_time() or not envelope.gone:
        mailbox.expired += 1
    else:
        mailbox.abandoned += 1
    if isinstance(envelope, Call) and envelope.pending:
        shed = mailbox.shed = mailbox.shed or {}
        shed[envelope] = None
        envelope.left = partial(shed.pop, envelope)
