"""Whether the system lives, and whether it is ready: for whoever starts processes and sends them work.

`/health` answers 200 where both hold, and 503 otherwise; it says nothing else, so nobody has to sign in for it. *live* is true whenever
this answer comes, as long as the tree has not ended. *ready* means that the store is not broken, and that no child waits for its restart.
"""

from __future__ import annotations

from trioactors.console.heads import Answer
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import INTERNAL
from trioactors.system.system import System, registry_of, runtime_of

__all__ = ["health"]


def health(system: System, *, readiness: bool) -> Answer:
    """The answer; without *readiness* the status tells only whether the system lives."""
    runtime = runtime_of(system)
    restarting = sum(
        child.status is ChildStatus.RESTARTING for child in registry_of(system).children() if not child.name.startswith(INTERNAL)
    )
    broken = runtime.committer is not None and runtime.committer.broken
    live = not runtime.closed
    ready = live and not restarting and not broken
    good = ready if readiness else live
    return Answer.data({"live": live, "ready": ready, "restarting": restarting, "store_broken": broken}, 200 if good else 503)
