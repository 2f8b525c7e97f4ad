"""A running system as plain data, for consoles, terminals and tests.

    figures(system)              the whole in figures, with the ledger; in `with measured(system)` with the lag of the loop
    tree(system)                 who supervises whom: strategy, budget, backlog
    actors(system, sort=...)     rows: sorted, searched, limited
    actor(system, name)          one of them, in full
    durable(system, sort=...)    the durable actors, as rows
    failures(system)             who has failed, of any kind, with the crash reports
    timers(system), budgets(system)
    dead_letters(system), dead_letter_groups(system)
    TraceRing().watching(system) trace records, read by cursor
    CommitRing().watching(system) commits and what each changed, read by cursor
    await quarantine(system)     the records that were set aside; it asks the store
    plain(snapshot)              any of it as dicts, lists, texts and numbers

A snapshot is a frozen value: nothing in it changes any more, and it holds nothing of the system. Taking one touches nothing, waits for
nothing (but for the store, where that is asked) and leaves nothing behind; nobody looking costs nothing. A state is shown only where its
actor's class says `inspect=True`, and a field with `repr=False` never.
"""

from trioactors.inspect.actors import ActorPage, ActorRow, SortBy, actors
from trioactors.inspect.ages import Marks
from trioactors.inspect.budgets import Budget, CountedRestart, budgets
from trioactors.inspect.changes import Change, ChangeKind, changes
from trioactors.inspect.commits import CommitPage, CommitRing, CommitRow
from trioactors.inspect.durable import DurablePage, DurableRow, DurableSort, durable
from trioactors.inspect.failures import FailurePage, FailureRow, failures
from trioactors.inspect.figures import Figures, figures, measured
from trioactors.inspect.letters import DeadLetterGroup, DeadLetterPage, DeadLetterRow, dead_letter_groups, dead_letters
from trioactors.inspect.one import (
    ActorView,
    Durability,
    FailureView,
    Handling,
    StateView,
    TimerRow,
    WaitingMessage,
    actor,
    timers,
)
from trioactors.inspect.plain import SNAPSHOT_LIMITS, STATE_LIMITS, Limits, Plain, plain
from trioactors.inspect.quarantine import QuarantinePage, QuarantineRow, quarantine
from trioactors.inspect.ring import TracePage, TraceRing, TraceRow
from trioactors.inspect.tree import Branch, tree

__all__ = [
    "SNAPSHOT_LIMITS",
    "STATE_LIMITS",
    "ActorPage",
    "ActorRow",
    "ActorView",
    "Branch",
    "Budget",
    "Change",
    "ChangeKind",
    "CommitPage",
    "CommitRing",
    "CommitRow",
    "CountedRestart",
    "DeadLetterGroup",
    "DeadLetterPage",
    "DeadLetterRow",
    "Durability",
    "DurablePage",
    "DurableRow",
    "DurableSort",
    "FailurePage",
    "FailureRow",
    "FailureView",
    "Figures",
    "Handling",
    "Limits",
    "Marks",
    "Plain",
    "QuarantinePage",
    "QuarantineRow",
    "SortBy",
    "StateView",
    "TimerRow",
    "TracePage",
    "TraceRing",
    "TraceRow",
    "WaitingMessage",
    "actor",
    "actors",
    "budgets",
    "changes",
    "dead_letter_groups",
    "dead_letters",
    "durable",
    "failures",
    "figures",
    "measured",
    "plain",
    "quarantine",
    "timers",
    "tree",
]
