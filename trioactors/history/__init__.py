"""What a system remembers: its last crashes, by cause, and its figures over time. Kept in the store, if there is one.

`crashes.py` and `series.py` decide what is kept; they are data and read no clock. `records.py` writes both as records in the space META,
and reads them. `history.py` carries it out: it takes crashes from the report path and samples from `trioactors.inspect`, and decides
when to write. Nothing waits for it, nothing is decided by it, and an error in it ends the history, not the program.
"""
