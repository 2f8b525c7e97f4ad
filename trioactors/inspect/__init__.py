"""Snapshots of a running system as plain data, for consoles, terminals and tests.

    figures(system)              totals for the whole system; within `with measured(system)` also the loop lag
    tree(system)                 the supervision tree: strategies, budgets, backlogs
    actors(system, sort=...)     the actors as rows: sorted, searched, limited
    actor(system, name)          one actor in full
    signatures(system, name)     the handlers of an actor with their parameters, as a form needs them
    durable(system, sort=...)    the durable actors as rows
    handlers(system)             each handler: rate, errors, waiting and handling, within `with measuring(system)`
    failures(system)             children of any kind that have failed, with their crash reports
    failure_groups(system)       all failures by cause: how often, since when; also those before a restart of the program
    crashes(system)              the last failures, one by one
    samples(system, span=600)    the figures over time, for charts
    alerts(system)               the alerts, and which of them are raised
    timers(system), budgets(system)
    outline(system, chosen=...)  the tree as far as it is unfolded, with a page of the children of each supervisor
    found(system, search)        children found by name, class or path
    state(system, name, path=...) a part of a state, page by page
    waiting(system, name), timer_page(system), budget_page(system): longer lists, page by page
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
from trioactors.inspect.alerts import AlertPage, AlertRow, AlertTarget, alerts
from trioactors.inspect.budgets import Budget, BudgetPage, CountedRestart, budget_page, budgets
from trioactors.inspect.changes import Change, ChangeKind, changes
from trioactors.inspect.commits import CommitPage, CommitRing, CommitRow
from trioactors.inspect.durable import DurablePage, DurableRow, DurableSort, DurableSortWord, durable
from trioactors.inspect.failures import FailureOrigin, FailurePage, FailureRow, failures
from trioactors.inspect.figures import Figures, figures, measured
from trioactors.inspect.found import FoundPage, FoundRow, found
from trioactors.inspect.handlers import (
    HandlerPage,
    HandlerRow,
    HandlerSort,
    HandlerSortWord,
    HandlerSpan,
    HandlerSpanWord,
    handlers,
    measuring,
)
from trioactors.inspect.letters import DeadLetterGroup, DeadLetterPage, DeadLetterRow, dead_letter_groups, dead_letters
from trioactors.inspect.one import (
    ActorView,
    Durability,
    FailureView,
    Handling,
    StateView,
    actor,
)
from trioactors.inspect.outline import Outline, Totals, outline
from trioactors.inspect.plain import SNAPSHOT_LIMITS, STATE_LIMITS, Cut, Limits, Plain, plain
from trioactors.inspect.quarantine import QuarantinePage, QuarantineRow, quarantine
from trioactors.inspect.remembered import (
    CrashPage,
    CrashRow,
    FailureGroup,
    SampleMark,
    Samples,
    crashes,
    failure_groups,
    samples,
)
from trioactors.inspect.ring import TracePage, TraceRing, TraceRow
from trioactors.inspect.signatures import HandlerSignature, ParameterView, signatures
from trioactors.inspect.state import StatePage, StateRow, state
from trioactors.inspect.timers import TimerPage, TimerRow, timer_page, timers
from trioactors.inspect.tree import Branch, tree
from trioactors.inspect.waiting import WaitingMessage, WaitingPage, waiting
from trioactors.trace.frames import ErrorFrame, ErrorLink, RaisedError

__all__ = [
    "SNAPSHOT_LIMITS",
    "STATE_LIMITS",
    "ActorPage",
    "ActorRow",
    "ActorView",
    "AlertPage",
    "AlertRow",
    "AlertTarget",
    "Branch",
    "Budget",
    "BudgetPage",
    "Change",
    "ChangeKind",
    "CommitPage",
    "CommitRing",
    "CommitRow",
    "CountedRestart",
    "CrashPage",
    "CrashRow",
    "Cut",
    "DeadLetterGroup",
    "DeadLetterPage",
    "DeadLetterRow",
    "Durability",
    "DurablePage",
    "DurableRow",
    "DurableSort",
    "DurableSortWord",
    "ErrorFrame",
    "ErrorLink",
    "FailureGroup",
    "FailureOrigin",
    "FailurePage",
    "FailureRow",
    "FailureView",
    "Figures",
    "FoundPage",
    "FoundRow",
    "HandlerPage",
    "HandlerRow",
    "HandlerSignature",
    "HandlerSort",
    "HandlerSortWord",
    "HandlerSpan",
    "HandlerSpanWord",
    "Handling",
    "Limits",
    "Marks",
    "Outline",
    "ParameterView",
    "Plain",
    "QuarantinePage",
    "QuarantineRow",
    "RaisedError",
    "SampleMark",
    "Samples",
    "SortBy",
    "SortByWord",
    "StatePage",
    "StateRow",
    "StateView",
    "TimerPage",
    "TimerRow",
    "Totals",
    "TracePage",
    "TraceRing",
    "TraceRow",
    "WaitingMessage",
    "WaitingPage",
    "actor",
    "actors",
    "alerts",
    "budget_page",
    "budgets",
    "changes",
    "crashes",
    "dead_letter_groups",
    "dead_letters",
    "durable",
    "failure_groups",
    "failures",
    "figures",
    "found",
    "handlers",
    "measured",
    "measuring",
    "outline",
    "plain",
    "quarantine",
    "samples",
    "signatures",
    "state",
    "timer_page",
    "timers",
    "tree",
    "waiting",
]
