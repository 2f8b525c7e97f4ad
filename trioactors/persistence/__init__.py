"""Persistence: the port of stores, and the way to one.

Here belong the `Store` protocol, the rules of a commit, store options and URLs, and the committer that groups commits. Stores
themselves are plug-ins (`trioactors_backends`), which this room never imports. When a state is committed is decided in `durability`.
"""

from trioactors.persistence.commit_rules import Change as Change
from trioactors.persistence.commit_rules import Decision as Decision
from trioactors.persistence.commit_rules import decide as decide
from trioactors.persistence.options import (
    Address as Address,
)
from trioactors.persistence.options import (
    Creation as Creation,
)
from trioactors.persistence.options import (
    Durability as Durability,
)
from trioactors.persistence.options import (
    Limits as Limits,
)
from trioactors.persistence.options import (
    Options as Options,
)
from trioactors.persistence.options import (
    Verification as Verification,
)
from trioactors.persistence.store import (
    ABSENT as ABSENT,
)
from trioactors.persistence.store import (
    SCAN_LIMIT as SCAN_LIMIT,
)
from trioactors.persistence.store import (
    Answer as Answer,
)
from trioactors.persistence.store import (
    Backend as Backend,
)
from trioactors.persistence.store import (
    Batch as Batch,
)
from trioactors.persistence.store import (
    Check as Check,
)
from trioactors.persistence.store import (
    Committed as Committed,
)
from trioactors.persistence.store import (
    Conflict as Conflict,
)
from trioactors.persistence.store import (
    Corrupt as Corrupt,
)
from trioactors.persistence.store import (
    Found as Found,
)
from trioactors.persistence.store import (
    Key as Key,
)
from trioactors.persistence.store import (
    Record as Record,
)
from trioactors.persistence.store import (
    Space as Space,
)
from trioactors.persistence.store import (
    Store as Store,
)
from trioactors.persistence.store import (
    TooLarge as TooLarge,
)
from trioactors.persistence.store import (
    Write as Write,
)
from trioactors.persistence.store import (
    prefix_end as prefix_end,
)
from trioactors.persistence.urls import store_at as store_at

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
