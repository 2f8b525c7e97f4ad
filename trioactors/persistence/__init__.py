"""Persistence: the port of stores, and the one way to them.

This room holds the `Store` protocol, the rules of a commit, store options and URLs, and the committer, which groups the commits
of all actors.

It does not hold the stores themselves: they are plug-ins (`trioactors_backends`), which this room never imports. When a state
is committed, and what waits for that, is decided in `durability`.
"""

from trioactors.persistence.commit_rules import Change, Decision, decide
from trioactors.persistence.options import Address, Creation, Durability, Limits, Options, Verification
from trioactors.persistence.store import (
    ABSENT,
    SCAN_LIMIT,
    Answer,
    Backend,
    Batch,
    Check,
    Committed,
    Conflict,
    Corrupt,
    Found,
    Key,
    Record,
    Space,
    Store,
    TooLarge,
    Write,
    prefix_end,
)
from trioactors.persistence.urls import store_at

__all__ = [
    "ABSENT",
    "SCAN_LIMIT",
    "Address",
    "Answer",
    "Backend",
    "Batch",
    "Change",
    "Check",
    "Committed",
    "Conflict",
    "Corrupt",
    "Creation",
    "Decision",
    "Durability",
    "Found",
    "Key",
    "Limits",
    "Options",
    "Record",
    "Space",
    "Store",
    "TooLarge",
    "Verification",
    "Write",
    "decide",
    "prefix_end",
    "store_at",
]
