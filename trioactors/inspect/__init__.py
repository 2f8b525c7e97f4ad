"""Snapshots of a running system as plain data, for consoles, terminals and tests.

    figures(system)              totals for the whole system; within `with measured(system)` also the loop lag
    tree(system)                 the supervision tree: strategies, budgets, backlogs
    actors(system, sort=...)     the actors as rows: sorted, searched, limited
    actor(system, name)          one actor in full
    durable(system, sort=...)    the durable actors as rows
    failures(system)             children of any kind that have failed, with their crash reports
    timers(system), budgets(system)
    dead_letters(system), dead_letter_groups(system)
    TraceRing().watching(system) recent trace records, read by cursor
    CommitRing().watching(system) recent commits and what each changed, read by cursor
    await quarantine(system)     the quarantined records; reads the store
    plain(snapshot)              any snapshot as dicts, lists, strings and numbers

A snapshot is a frozen value: it never changes and holds no reference to the system. Taking one has no side effects and does not wait;
only `quarantine` waits, for the store. Inspection costs nothing while it is not used. An actor's state is shown only if its class
says `inspect=True`, and a field with `repr=False` is never shown.
"""

from trioactors.inspect.actors import ActorPage, ActorRow, SortBy, SortByWord, actors
from trioactors.inspect.ages import Marks
from trioactors.inspect.budgets import Budget, CountedRestart, budgets
from trioactors.inspect.changes import Change, ChangeKind, changes
from trioactors.inspect.commits import CommitPage, CommitRing, CommitRow
from trioactors.inspect.durable import DurablePage, DurableRow, DurableSort, DurableSortWord, durable
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
    "DurableSortWord",
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
    "SortByWord",
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
