"""The command line: look into a store, copy it, mend it, reset an actor. For stores that nobody has open.

    trioactors inspect|backup|repair|reset|restore URL ...

It stands on the port of stores alone, so it serves those of other packages too, and it imports no code of the programs whose state it
shows. It destroys nothing: a record that has to go is moved to the space `quarantine`, a damaged store is put aside as it is, and no
file is ever overwritten. `docs/command-line.md` is its page.
"""

from trioactors.cli.program import main

__all__ = ["main"]
