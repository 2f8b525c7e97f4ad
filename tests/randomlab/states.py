"""The states of the output gate, the supervisor loop and the mailbox that the lab looks for: the whole list, with a sentence for each.

A state is met when an actor of a run, or its supervisor, was really in it; not when an option was drawn. There are three ways to know:

    looking.py reads it from the library, whenever somebody acts, sends, begins, ends, starts or stops;
    the trace tells it (`FAILED_COMMITS` and what coverage.py reads besides);
    the ledger of a mailbox has counted it by the end (`COUNTED`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

__all__ = ["BITS", "COUNTED", "FAILED_COMMITS", "GATE", "LEDGER", "LOOP", "MAILBOX", "STATES", "TRACED", "names"]

GATE: Final[Mapping[str, str]] = {
    "gate: at rest": "No commit is on its way, and nothing is held.",
    "gate: commit on its way": "The state after a message is being written.",
    "gate: handler meanwhile": "A handler runs while a commit is on its way.",
    "gate: second commit waits": "A later state waits until the commit on its way is done.",
    "gate: reply held": "A caller's reply waits for a commit.",
    "gate: reader's reply held": "The reply of a handler that only reads waits for the commit of what it has read.",
    "gate: cast held": "A cast waits for the commit of its sender.",
    "gate: timer held": "A timer that was set or cancelled waits for a commit.",
    "gate: deferred reply held": "A deferred reply that was given waits for a commit.",
    "gate: full of replies": "As many replies are held as the mailbox has places, so no message is taken.",
    "gate: base lost": "A commit has failed while a handler ran, whose first state is lost with it.",
    "gate: store failed": "The store has failed for good: the actor waits until the root stops it.",
    "gate: hook's commit": "What a hook has changed is being written, and the hook is not over before.",
    "gate: last incarnation's commit": "A new incarnation waits for the commit of the one before.",
    "window: open": "A change of a write-behind actor waits for the end of its window.",
    "window: over too early": "The window is over, but a handler runs or a commit is on its way.",
    "window: commit on its way": "What changed in a window is being written.",
    "window: tried again": "The commit of a window has failed, and another window is open.",
    "window: last state waits": "The incarnation is over, and its last state waits for the commit on its way.",
}

FAILED_COMMITS: Final[Mapping[str, str]] = {
    "StoreUnavailable": "gate: commit failed",
    "StoreFull": "gate: commit failed, store full",
    "StorePoisoned": "gate: commit unknown",
}
"""What the error of a failed commit means; any other means that the store is closed, or refuses the record."""

LOOP: Final[Mapping[str, str]] = {
    "loop: at rest": "The supervisor has nothing to do.",
    "loop: starts its children": "It is being started itself.",
    "loop: restarts one": "It starts one child again.",
    "loop: restarts a group": "It starts the children that were stopped together.",
    "loop: stops a group": "It stops the children that restart together with the one that has exited.",
    "loop: restarts in place": "A child was started again in the task of its last incarnation, without its supervisor.",
    "loop: starts on request": "Somebody has asked to start a child.",
    "loop: stops on request": "Somebody has asked to stop a child.",
    "loop: in a back-off": "A child waits for its back-off.",
    "loop: this one in its back-off": "The actor itself, or the one that a message or an operation is for, waits for its back-off.",
    "loop: failed start waits": "A start in a restart has failed, and waits for its turn to be tried again.",
    "loop: exit waits": "A child has exited while the supervisor starts or stops another.",
    "loop: request waits": "An operation waits while the supervisor starts or stops a child.",
    "loop: stops": "It stops all its children and then itself.",
    "loop: request while it stops": "An operation was asked for and the supervisor stops.",
    "loop: shuts down": "A significant child stays down, so the supervisor stops the others and exits.",
    "loop: has given up": "There were too many restarts, and it stops.",
    "loop: drains": "A child that is stopped handles what it has accepted first.",
    "loop: grace is over": "A child did not stop within its grace, and was killed.",
}

TRACED: Final[Mapping[str, str]] = {
    "gate: commit failed": "A commit has failed; the store may be better later.",
    "gate: commit failed, store full": "A commit has failed, because the store is full.",
    "gate: commit unknown": "Whether a commit was done is not known: a sync has failed.",
    "gate: commit refused": "A commit has failed for another reason, such as a store that is closed.",
    "loop: restart failed": "A child that had run could not be started again.",
    "loop: start declined": "A child has declined its start.",
    "loop: child failed": "A child has used up its own budget of restarts, and stays down.",
}

MAILBOX: Final[Mapping[str, str]] = {
    "mailbox: at rest": "No message waits, and no handler runs.",
    "mailbox: messages wait": "Messages wait, and there is room for more.",
    "mailbox: full": "As many messages wait as it has places.",
    "mailbox: beyond its limit": "A tick has come in although it was full.",
    "mailbox: tick waits": "The tick of a timer waits.",
    "mailbox: caller gone": "The caller of a message that waits is gone.",
    "mailbox: deadline passed": "The deadline of a message that waits has passed.",
    "mailbox: senders wait": "Senders wait for room.",
    "mailbox: waiting sender gone": "A sender that waits for room has given up, or its deadline has passed.",
    "mailbox: waiting while down": "Messages wait while their actor is down and will be started again.",
    "mailbox: paused": "The actor is paused, and nothing waits.",
    "mailbox: paused with messages": "The actor is paused, and messages wait.",
    "mailbox: paused and full": "The actor is paused, and its mailbox is full.",
    "mailbox: draining": "The actor is drained and takes no new messages from most senders.",
    "mailbox: closed": "The actor will not be started again by itself.",
    "mailbox: reply owed": "A deferred reply is still to be given.",
    "mailbox: slow handlers known": "Calls have come too late, so calls without enough time are dropped.",
}

LEDGER: Final[Mapping[str, str]] = {
    "dropped": "mailbox: oldest dropped",
    "rejected": "mailbox: message refused",
    "expired": "mailbox: message expired",
    "abandoned": "mailbox: message abandoned",
    "dead_lettered": "mailbox: cast lost at close",
    "refused": "mailbox: call refused at close",
    "crashed": "mailbox: message crashed",
    "undone": "mailbox: message undone",
}
"""The counters of a ledger that show that it once was in a state."""

COUNTED: Final[Mapping[str, str]] = {
    "mailbox: oldest dropped": "It was full, and the oldest message in it was dropped.",
    "mailbox: message refused": "It was full, and a message was not accepted.",
    "mailbox: message expired": "The deadline of a message had passed, or left too little time, or passed in its handler.",
    "mailbox: message abandoned": "The caller of a message was gone before it was begun.",
    "mailbox: cast lost at close": "It was closed while a cast waited, or a cast could not be delivered.",
    "mailbox: call refused at close": "It was closed while a call waited.",
    "mailbox: message crashed": "A message ended the incarnation that handled it.",
    "mailbox: message undone": "A message was undone, because its commit failed or its state could not be written.",
}

STATES: Final[Mapping[str, str]] = {**GATE, **LOOP, **MAILBOX, **TRACED, **COUNTED}
"""All of them."""

BITS: Final = {name: 1 << place for place, name in enumerate(STATES)}
"""Each state as a bit: somebody looks some hundred times in each run."""


def names(found: int) -> Iterator[str]:
    """The names of the states in *found*."""
    return (name for name, bit in BITS.items() if found & bit)
