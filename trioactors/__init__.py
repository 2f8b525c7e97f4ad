"""trioactors: supervision and durable state for Trio, as in OTP. Programs write `import trioactors as ta` and need no other name.

The rooms of this package, from the roof down. Imports point down only; the first lines of each room say what belongs there.

    cli  conformance  testing      the command line, the replay of OTP's recordings, the tools for tests and simulations
    names  running                 the public names; `open_system` and `run`, the one place that puts everything together
    console  inspect               a running system in a browser, and as plain data
    alerts                         rules over figures: evaluated, recorded, told
    actors                         the actor class, refs, calls and casts, timers, the loop over a mailbox
    durability  system             when state is committed and what waits for it; the handle on one running tree
    supervision                    children and their incarnations, supervisors, the rules of restarts, names
    messaging  persistence         handlers, messages and mailboxes; the port of stores, and the way to one
    environment  scheduling  serializer  settings  trace
                                   clocks, disk and network; deadlines; values to bytes; all numbers; what happened
    annotations                    annotations that name what is not there yet
    errors                         every error, and how an incarnation ended
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # type checkers read the names; a program loads them when it uses one, as PEP 562 has it
    from trioactors.names import *  # noqa: F403
else:

    def __getattr__(name: str) -> object:
        """A public name. Loading takes a tenth of a second, which `trioactors.serializer` and the command line need not wait for."""
        names = {} if name.startswith("_") and name != "__all__" else _public_names()
        if name not in names and name != "__all__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals().update(names)
        return list(names) if name == "__all__" else names[name]


_SUBMODULES = ("conformance", "console", "environment", "errors", "inspect", "persistence", "serializer", "testing", "trace")
"""Those that are part of the public interface."""


def _public_names() -> dict[str, object]:
    return {name: value for name, value in vars(import_module("trioactors.names")).items() if name[0].isalpha()}


def __dir__() -> list[str]:
    """The public names, and those public submodules that are imported."""
    return sorted([*_public_names(), *(name for name in _SUBMODULES if name in globals())])
