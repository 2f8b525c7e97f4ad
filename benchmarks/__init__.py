"""The speed of trioactors, compared with hand-written Trio code and with other libraries: `nox -s bench`, or `python -m benchmarks`.

There is a file for each contestant (`floor`, `ours`, `recorded`, `queues`, `with_pykka`, `with_triotp`). `scenarios` has the
scenarios, `worker` takes one measurement in its own process, and `table` makes the table. Nothing here is a test: no time is asserted.
"""
