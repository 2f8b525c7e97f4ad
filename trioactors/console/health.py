"""Liveness and readiness of a system, for process managers and load balancers.

`/health` answers 200 if the system is live and ready, and 503 otherwise. It reveals nothing else, so it needs no sign-in. *live* means that
the supervision tree is running. *ready* means that the store is not broken and no child is waiting for its restart.
"""

from __future__ import annotations

from trioactors.console.heads import Answer
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import INTERNAL
from trioactors.system.system import System, registry_of, runtime_of

__all__ = ["health"]


def health(system: System, *, readiness: bool) -> Answer:
    """The answer of `/health`. Without *readiness*, its status depends only on whether the system is live."""
    runtime = runtime_of(system)
    restarting = sum(
        child.status is ChildStatus.RESTARTING for child in registry_of(system).children() if not child.name.startswith(INTERNAL)
    )
    broken = runtime.committer is not None and runtime.committer.broken
    live = not runtime.closed
    ready = live and not restarting and not broken
    good = ready if readiness else live
    return Answer.data({"live": live, "ready": ready, "restarting": restarting, "store_broken": broken}, 200 if good else 503)
