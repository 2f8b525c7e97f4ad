"""The stores of trioactors: `memory`, `filesystem` and `sqlite`, found through the entry point group `trioactors.backends`.

Stores belong here, and the modules that they are built of. The port that they implement is `trioactors.persistence.Store`; the runtime
never imports this package. docs/stores.md describes each store for users, and the formats of its files.
"""
