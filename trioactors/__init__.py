"""trioactors: supervision and durable state for Trio, as in OTP. Programs write `import trioactors as ta` and need no other name.

The rooms of this package, from the roof down. Imports point down only; the first lines of each room say what belongs there.

    cli  conformance  testing      the command line, the replay of OTP's recordings, the tools for tests and simulations
    running                        `open_system` and `run`: the one place that puts everything together
    console  inspect               a running system in a browser, and as plain data
    actors                         the actor class, refs, calls and casts, timers, the loop over a mailbox
    durability  system             when state is committed and what waits for it; the handle on one running tree
    supervision                    children and their incarnations, supervisors, the rules of restarts, names
    messaging  persistence         handlers, messages and mailboxes; the port of stores, and the way to one
    environment  scheduling  serializer  settings  trace
                                   clocks, disk and network; deadlines; values to bytes; all numbers; what happened
    errors                         every error, and how an incarnation ended
"""

from types import ModuleType as _ModuleType

from trioactors.actors.actor import Actor as Actor
from trioactors.actors.context import Context as Context
from trioactors.actors.deferred import Deferred as Deferred
from trioactors.actors.operations import ActorInfo as ActorInfo
from trioactors.actors.operations import flush as flush
from trioactors.actors.operations import forget as forget
from trioactors.actors.operations import info as info
from trioactors.actors.operations import restart as restart
from trioactors.actors.operations import stop as stop
from trioactors.actors.watch import Death as Death
from trioactors.actors.watch import Watch as Watch
from trioactors.actors.watch import watch as watch
from trioactors.durability.policies import EVERY_MESSAGE as EVERY_MESSAGE
from trioactors.durability.policies import EveryMessage as EveryMessage
from trioactors.durability.policies import Within as Within
from trioactors.environment.environment import Environment as Environment
from trioactors.errors import ActorCrashed as ActorCrashed
from trioactors.errors import ActorStopped as ActorStopped
from trioactors.errors import AdministrationError as AdministrationError
from trioactors.errors import BackendMissing as BackendMissing
from trioactors.errors import BadStoreURL as BadStoreURL
from trioactors.errors import CallCycle as CallCycle
from trioactors.errors import CallTimeout as CallTimeout
from trioactors.errors import ChildPresent as ChildPresent
from trioactors.errors import ChildRestarting as ChildRestarting
from trioactors.errors import ChildRunning as ChildRunning
from trioactors.errors import DefinitionError as DefinitionError
from trioactors.errors import DeliveryError as DeliveryError
from trioactors.errors import Ignore as Ignore
from trioactors.errors import MailboxFull as MailboxFull
from trioactors.errors import NameTaken as NameTaken
from trioactors.errors import NewerSchema as NewerSchema
from trioactors.errors import NoReply as NoReply
from trioactors.errors import NotAHandler as NotAHandler
from trioactors.errors import Outcome as Outcome
from trioactors.errors import Shutdown as Shutdown
from trioactors.errors import SpecError as SpecError
from trioactors.errors import StartFailed as StartFailed
from trioactors.errors import StateUnreadable as StateUnreadable
from trioactors.errors import StoreConflict as StoreConflict
from trioactors.errors import StoreCorrupt as StoreCorrupt
from trioactors.errors import StoreError as StoreError
from trioactors.errors import StoreFull as StoreFull
from trioactors.errors import StoreLocked as StoreLocked
from trioactors.errors import StoreMissing as StoreMissing
from trioactors.errors import StorePoisoned as StorePoisoned
from trioactors.errors import StoreUnavailable as StoreUnavailable
from trioactors.errors import SupervisorGaveUp as SupervisorGaveUp
from trioactors.errors import SystemClosed as SystemClosed
from trioactors.errors import TooManyTimers as TooManyTimers
from trioactors.errors import TrioactorsError as TrioactorsError
from trioactors.errors import UnknownName as UnknownName
from trioactors.errors import UsageError as UsageError
from trioactors.errors import WrongClass as WrongClass
from trioactors.errors import WrongThread as WrongThread
from trioactors.errors.exits import Exit as Exit
from trioactors.errors.exits import ExitKind as ExitKind
from trioactors.errors.exits import RestartEntry as RestartEntry
from trioactors.messaging.handlers import BoundHandler as BoundHandler
from trioactors.messaging.handlers import Handler as Handler
from trioactors.messaging.handlers import handler as handler
from trioactors.messaging.ledger import DeadLetter as DeadLetter
from trioactors.messaging.ledger import Ledger as Ledger
from trioactors.running import open_system as open_system
from trioactors.running import run as run
from trioactors.settings import Backoff as Backoff
from trioactors.settings import Intensity as Intensity
from trioactors.settings import Overflow as Overflow
from trioactors.settings import Settings as Settings
from trioactors.supervision.dry_run import Consequence as Consequence
from trioactors.supervision.dry_run import ConsequenceKind as ConsequenceKind
from trioactors.supervision.handle import ChildInfo as ChildInfo
from trioactors.supervision.handle import SupervisorHandle as SupervisorHandle
from trioactors.supervision.restarts import ChildStatus as ChildStatus
from trioactors.supervision.restarts import RestartHistory as RestartHistory
from trioactors.supervision.specs import BRUTAL_KILL as BRUTAL_KILL
from trioactors.supervision.specs import AutoShutdown as AutoShutdown
from trioactors.supervision.specs import ChildKind as ChildKind
from trioactors.supervision.specs import ChildSpec as ChildSpec
from trioactors.supervision.specs import GiveUp as GiveUp
from trioactors.supervision.specs import Resource as Resource
from trioactors.supervision.specs import Restart as Restart
from trioactors.supervision.specs import Strategy as Strategy
from trioactors.supervision.specs import Supervisor as Supervisor
from trioactors.supervision.specs import child as child
from trioactors.supervision.specs import resource as resource
from trioactors.system.explain import Explanation as Explanation
from trioactors.system.portal import Portal as Portal
from trioactors.system.system import System as System
from trioactors.system.system import current_system as current_system
from trioactors.trace.observers import Observer as Observer
from trioactors.trace.observers import Recorder as Recorder
from trioactors.trace.records import CallTimedOut as CallTimedOut
from trioactors.trace.records import ChildExited as ChildExited
from trioactors.trace.records import ChildIgnored as ChildIgnored
from trioactors.trace.records import ChildStarted as ChildStarted
from trioactors.trace.records import ChildStartFailed as ChildStartFailed
from trioactors.trace.records import CommitFailed as CommitFailed
from trioactors.trace.records import GaveUp as GaveUp
from trioactors.trace.records import LoopHeld as LoopHeld
from trioactors.trace.records import MessageAccepted as MessageAccepted
from trioactors.trace.records import MessageDeadLettered as MessageDeadLettered
from trioactors.trace.records import MessageHandled as MessageHandled
from trioactors.trace.records import MessageRecord as MessageRecord
from trioactors.trace.records import MessageShed as MessageShed
from trioactors.trace.records import RestartScheduled as RestartScheduled
from trioactors.trace.records import StateCommitted as StateCommitted
from trioactors.trace.records import StoreCommitted as StoreCommitted
from trioactors.trace.records import TimerFired as TimerFired
from trioactors.trace.records import TraceRecord as TraceRecord

_NAMES = tuple(name for name, value in globals().items() if not name.startswith("_") and not isinstance(value, _ModuleType))
_SUBMODULES = ("conformance", "console", "environment", "errors", "inspect", "persistence", "serializer", "testing", "trace")
"""Those that are part of the public interface."""


def __dir__() -> list[str]:
    """The public names, and those public submodules that are imported."""
    return sorted([*_NAMES, *(name for name in _SUBMODULES if name in globals())])
