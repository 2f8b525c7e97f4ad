"""The command line: inspect, back up and repair a store that no program has open, reset an actor, and inspect a running system.

    trioactors inspect|backup|repair|reset|restore URL ...
    trioactors tree|ps|top|inspect|trace URL ...              through a console

The commands of the first line use only the store interface (`trioactors.persistence`), so they work with stores of other packages too, and
they import no code of the program whose state they show. They destroy nothing: a record to be removed is moved to the space `quarantine`,
a damaged store is kept as it is, and no file is ever overwritten. The commands of the second line are read-only. `docs/command-line.md`
describes both.
"""

from trioactors.cli.program import main

__all__ = ["main"]
