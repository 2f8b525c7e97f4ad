"""What durable actors cost, beside the bare store and beside peers, at equal durability: `python -m benchmarks.durable`.

Every contestant acknowledges a call only when a power cut cannot take it away: SQLite in write-ahead mode with `synchronous` FULL or
EXTRA (each checks its own database), on the same file system. Those in memory are upper bounds, and no contestants.

One file per contestant, the states they keep in `payload`, the files they keep them in in `folder`, what is measured and wanted in
`rows`, and what becomes of the figures in `report`. Measurements run in processes of their own, by `benchmarks.worker`. Nothing here
is a test: no time is asserted.
"""
