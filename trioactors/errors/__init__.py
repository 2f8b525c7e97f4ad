"""Every error that trioactors raises, and who has to act on it.

Error classes belong here, and the plain data that errors carry (`exits`). Code that decides or raises anything does not: this room
imports nothing of trioactors. Programs import each error from `trioactors.errors`; the modules are `runtime` (actors, supervisors and their
callers), `data` (values, bytes and stores) and `base` (the root).

    TrioactorsError
    ├── UsageError                      a mistake in the calling program: correct it
    │   ├── DefinitionError (TypeError)     an actor class, a handler or a hook is defined wrongly
    │   ├── SpecError (ValueError)          a child, a supervisor or an option is invalid
    │   │   └── StoreMissing                a durable actor was started in a system without a store
    │   ├── NotAHandler (AttributeError)    an attribute of a ref is not a handler of its actor
    │   ├── NameTaken                       the name belongs to another child of the system
    │   ├── UnknownName (LookupError)       no child has this name
    │   ├── WrongClass (TypeError)          the child with this name is of another class
    │   ├── WrongThread                     a ref was used outside the Trio run of its system, or a portal inside it
    │   └── TooManyTimers                   an actor has as many timers as its settings allow
    ├── AdministrationError             a supervisor refuses a request in its present state
    │   ├── ChildRunning                    terminate the child first
    │   ├── ChildRestarting                 terminate the child first, or wait
    │   ├── TooManyChildren                 the supervisor has as many children as `max_children` allows
    │   └── ChildPresent                    restart or delete the child instead
    ├── DeliveryError                   a message was not accepted, or got no reply
    │   ├── ActorStopped                    the target has stopped and will not be restarted
    │   │   └── SystemClosed                the target's system is closed
    │   ├── ActorCrashed                    the target failed while it handled this message
    │   ├── MailboxFull                     the target's mailbox is full; nothing was sent
    │   ├── NoReply                         the target lost the deferred reply
    │   ├── CallCycle                       actors would wait for each other forever
    │   └── CallTimeout (trio.TooSlowError) the deadline passed before the reply came
    ├── HandlerTimeout                  a handler ran longer than its execution_timeout; the cause of an `ActorCrashed`
    ├── StartFailed                     a child could not be started; `__cause__` says why
    ├── SupervisorGaveUp                more restarts than the intensity allows; carries the restart history
    ├── SerializationError              a value or a record was refused; `path` leads to the field
    │   ├── BadDeclaration                  in the class: the arguments of `@stored(...)` are invalid
    │   ├── TypeRefused                     in the class: the type of a field cannot be stored
    │   │   ├── NameUnresolved                  in the class: an annotation uses a name that does not exist (yet)
    │   │   └── StoredNameTaken                 in the class: another class has the same stored name
    │   ├── EngineMissing                   in the installation: the extra `fast` is missing
    │   ├── ValueRefused                    in the value: it does not match its annotation
    │   ├── OverLimit                       in the size: more bytes, depth or elements than the limits allow
    │   └── RecordRefused                   in the record: it cannot be read, and is left as it is
    │       ├── RecordCorrupt                   not JSON, or not an envelope
    │       ├── RecordInvalid                   a well-formed record whose value does not fit its class
    │       ├── RecordOfOtherType               the record holds another class
    │       ├── RecordTooNew                    written by a newer version of the class or of this library
    │       └── RecordTooOld                    no upcaster starts from this version
    └── StoreError                      durable state could not be read or saved; its `Outcome` says what is known
        ├── StoreUnavailable                the store cannot do it now; a later attempt may succeed
        │   └── StoreFull                       there is no room: make room, then try again
        ├── StoreConflict                   another writer changed the store: this owner is not the only one
        ├── StoreCorrupt                    the stored data is not what was written
        ├── StateUnreadable                 an actor's record cannot be read: the actor does not start, the record is kept
        ├── StorePoisoned                   a sync failed, so the disk is in an unknown state: open the store again, never retry
        ├── StoreLocked                     the store is open in another process, or a second time in this one
        ├── NewerSchema                     the store was written by a newer version of this library
        └── BadStoreURL (ValueError)        the URL of a store is invalid
            └── BackendMissing                  the URL is valid, but the package behind it is not installed

Your own code raises two more, to tell a supervisor something. They are not failures:

    Ignore      from a start: do not run this child, and do not count that as a failure
    Shutdown    from a running child: this child stops in order (a transient child is not restarted)
"""

from trioactors.errors import base, data, runtime
from trioactors.errors.base import *
from trioactors.errors.data import *
from trioactors.errors.runtime import *

__all__: list[str] = []
__all__ += base.__all__
__all__ += data.__all__
__all__ += runtime.__all__
