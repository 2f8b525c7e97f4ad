"""The command line: look into a store, copy it, mend it, reset an actor, for stores that nobody has open; and look at a running system.

    trioactors inspect|backup|repair|reset|restore URL ...
    trioactors tree|ps|top|inspect|trace URL ...              of a console

The first line stands on the port of stores alone, so it serves those of other packages too, and it imports no code of the programs whose
state it shows. It destroys nothing: a record that has to go is moved to the space `quarantine`, a damaged store is put aside as it is, and
no file is ever overwritten. The second line only looks. `docs/command-line.md` is their page.
"""

from trioactors.cli.program import main

__all__ = ["main"]
