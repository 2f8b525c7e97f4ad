"""How fast trioactors is, beside the least that Trio needs and beside its peers: `nox -s bench`, or `python -m benchmarks`.

One file per contestant (`floor`, `ours`, `recorded`, `queues`, `with_pykka`, `with_triotp`), the scenarios in `scenarios`, one
measurement in a process of its own in `worker`, and the table in `table`. Nothing here is a test: no time is asserted.
"""
