"""Liveness and readiness of a system, for process managers and load balancers.

`/health` answers 200 if the system is live and ready, and 503 otherwise. It reveals nothing else, so it needs no sign-in. *live* means that
the supervision tree is running. *ready* means that the store is not broken, no child is waiting for its restart, and no child that the tree
declares is down because its stored state cannot be read. A child of `system.start` with a damaged record is one of many, and only counted.
"""

from __future__ import annotations

from trioactors.console.heads import Answer
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import INTERNAL
from trioactors.supervision.tree import status_of
from trioactors.supervision.unreadable import unreadable
from trioactors.system.system import System, registry_of, runtime_of

__all__ = ["health"]


def health(system: System, *, readiness: bool) -> Answer:
    """The answer of `/health`. Without *readiness*, its status depends only on whether the system is live."""
    runtime = runtime_of(system)
    children = [child for child in registry_of(system).children() if not child.name.startswith(INTERNAL)]
    restarting = sum(status_of(child) is ChildStatus.RESTARTING for child in children)
    damaged = [child for child in children if unreadable(child) is not None]
    broken = runtime.committer is not None and runtime.committer.broken
    live = not runtime.closed
    ready = live and not restarting and not broken and all(child.dynamic for child in damaged)
    good = ready if readiness else live
    found = {"live": live, "ready": ready, "restarting": restarting, "unreadable": len(damaged), "store_broken": broken}
    return Answer.data(found, 200 if good else 503)
