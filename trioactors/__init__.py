"""trioactors: OTP-grade supervision on Trio. `import trioactors as ta` is the only name most programs type."""

from trioactors.actor import Actor
from trioactors.administration import ChildInfo, SupervisorHandle
from trioactors.context import Context, Deferred
from trioactors.environment import Environment
from trioactors.errors import *  # noqa: F403 - errors.__all__ is the list
from trioactors.errors import __all__ as _errors
from trioactors.exits import Exit, ExitKind
from trioactors.handlers import BoundHandler, Handler, handler
from trioactors.messages import DeadLetter, Ledger
from trioactors.operations import ActorInfo, Death, Watch, flush, info, restart, stop, watch
from trioactors.portal import Portal
from trioactors.restarts import ChildStatus, RestartEntry, RestartHistory
from trioactors.running import run
from trioactors.specs import (
    BRUTAL_KILL,
    AutoShutdown,
    Backoff,
    ChildKind,
    ChildSpec,
    GiveUp,
    Intensity,
    Overflow,
    Resource,
    Restart,
    Settings,
    Strategy,
    Supervisor,
    child,
    resource,
)
from trioactors.system import System, open_system
from trioactors.trace import Observer, Recorder, TraceRecord
