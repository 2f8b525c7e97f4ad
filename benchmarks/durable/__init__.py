"""The cost of durable actors, compared with the bare store and with other libraries at equal durability: `python -m benchmarks.durable`.

Every contestant acknowledges a call only when a power cut cannot undo it: SQLite in write-ahead mode with `synchronous` FULL or EXTRA
(each checks its own database), on the same file system. Those in memory are upper bounds and do not compete.

There is a file for each contestant. `payload` has the states, `folder` the files in which they are saved, `rows` the rows and goals,
and `report` makes the tables. `benchmarks.worker` takes each measurement in its own process. Nothing here is a test: no time is
asserted.
"""
