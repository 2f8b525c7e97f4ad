"""Every error that trioactors raises, and who is to blame.

    TrioactorsError
    ├── UsageError                      the program is wrong: mend it
    │   ├── DefinitionError (TypeError)     an actor, a handler or a hook is defined wrongly
    │   ├── SpecError (ValueError)          a child, a supervisor or an option makes no sense
    │   │   └── StoreMissing                a durable actor in a system without a store
    │   ├── NotAHandler (AttributeError)    something that is no handler was asked of a ref
    │   ├── NameTaken                       the name belongs to another child of this system
    │   ├── UnknownName (LookupError)       no child has this name
    │   ├── WrongClass (TypeError)          the name belongs to something of another class
    │   ├── WrongThread                     a ref was used outside the Trio run of its system, or a portal in it
    │   └── TooManyTimers                   an actor asked for more timers than its settings allow
    ├── AdministrationError             a supervisor refuses what was asked, in its present state
    │   ├── ChildRunning
    │   ├── ChildRestarting
    │   └── ChildPresent
    ├── DeliveryError                   a message found no answer
    │   ├── ActorStopped                    the target is gone and will not come back by itself
    │   │   └── SystemClosed                its whole system is
    │   ├── ActorCrashed                    the target failed while it handled this message
    │   ├── MailboxFull                     the target cannot take more now
    │   ├── NoReply                         the target lost the deferred reply
    │   ├── CallCycle                       the wait would never end
    │   └── CallTimeout (trio.TooSlowError) time ran out, nobody is to blame
    ├── StartFailed                     a child could not be started; the cause says why
    ├── SupervisorGaveUp                restarting did not help; carries the restart history
    ├── SerializationError              bytes and values; `path` leads to the bad field
    │   ├── BadDeclaration                  the author: `@stored(...)` says something impossible
    │   ├── TypeRefused                     the author: a field's type cannot be carried
    │   │   ├── NameUnresolved                  the author: an annotation names what does not exist (yet)
    │   │   └── StoredNameTaken                 the author: two classes claim one stored name
    │   ├── EngineMissing                   the installation: the extra `fast` is not there
    │   ├── ValueRefused                    the actor: a value is not what its annotation promises
    │   ├── OverLimit                       nobody: more bytes, depth or elements than the settings allow
    │   └── RecordRefused                   the record: what was read is not what was written
    │       ├── RecordCorrupt                   not JSON, or not an envelope
    │       ├── RecordInvalid                   a well-formed record whose value does not fit its class
    │       ├── RecordOfOtherType               the record holds another class
    │       ├── RecordTooNew                    written by a newer version of the class or of this library
    │       └── RecordTooOld                    no upcaster is left for this version
    └── StoreError                      durable state could not be read or kept; its `Outcome` says what is known
        ├── StoreUnavailable                the store cannot do it now; the same may work later
        │   └── StoreFull                       there is no room: make some, then try again
        ├── StoreConflict                   somebody else wrote: this owner is not the only one
        ├── StoreCorrupt                    what is stored is not what was written
        ├── StateUnreadable                 an actor's record cannot be read: it does not start, and nothing is replaced
        ├── StorePoisoned                   a sync failed: nobody knows what is on the disk. Open it again, never retry
        ├── StoreLocked                     another process, or another store in this one, has it open
        ├── NewerSchema                     a newer version of this library wrote it
        └── BadStoreURL (ValueError)        the address of a store makes no sense
            └── BackendMissing                  it does, but the package behind it is not installed

Two more are raised by *your* code to tell a supervisor something. They are no failures:

    Ignore      from a start: do not run me, and do not count that as a failure
    Shutdown    from a running child: I end, in order (a transient child is not restarted)
"""

from trioactors.errors.base import TrioactorsError
from trioactors.errors.data import (
    BackendMissing,
    BadDeclaration,
    BadStoreURL,
    EngineMissing,
    NameUnresolved,
    NewerSchema,
    Outcome,
    OverLimit,
    RecordCorrupt,
    RecordInvalid,
    RecordOfOtherType,
    RecordRefused,
    RecordTooNew,
    RecordTooOld,
    SerializationError,
    StateUnreadable,
    StoreConflict,
    StoreCorrupt,
    StoredNameTaken,
    StoreError,
    StoreFull,
    StoreLocked,
    StorePoisoned,
    StoreUnavailable,
    TypeRefused,
    ValueRefused,
)
from trioactors.errors.runtime import (
    ActorCrashed,
    ActorStopped,
    AdministrationError,
    CallCycle,
    CallTimeout,
    ChildPresent,
    ChildRestarting,
    ChildRunning,
    DefinitionError,
    DeliveryError,
    Ignore,
    MailboxFull,
    NameTaken,
    NoReply,
    NotAHandler,
    Shutdown,
    SpecError,
    StartFailed,
    StoreMissing,
    SupervisorGaveUp,
    SystemClosed,
    TooManyTimers,
    UnknownName,
    UsageError,
    WrongClass,
    WrongThread,
)

__all__ = [
    "ActorCrashed",
    "ActorStopped",
    "AdministrationError",
    "BackendMissing",
    "BadDeclaration",
    "BadStoreURL",
    "CallCycle",
    "CallTimeout",
    "ChildPresent",
    "ChildRestarting",
    "ChildRunning",
    "DefinitionError",
    "DeliveryError",
    "EngineMissing",
    "Ignore",
    "MailboxFull",
    "NameTaken",
    "NameUnresolved",
    "NewerSchema",
    "NoReply",
    "NotAHandler",
    "Outcome",
    "OverLimit",
    "RecordCorrupt",
    "RecordInvalid",
    "RecordOfOtherType",
    "RecordRefused",
    "RecordTooNew",
    "RecordTooOld",
    "SerializationError",
    "Shutdown",
    "SpecError",
    "StartFailed",
    "StateUnreadable",
    "StoreConflict",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreMissing",
    "StorePoisoned",
    "StoreUnavailable",
    "StoredNameTaken",
    "SupervisorGaveUp",
    "SystemClosed",
    "TooManyTimers",
    "TrioactorsError",
    "TypeRefused",
    "UnknownName",
    "UsageError",
    "ValueRefused",
    "WrongClass",
    "WrongThread",
]
