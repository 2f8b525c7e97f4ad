"""Actors: the class, its refs, and everything that one incarnation does.

This room holds what only actors have: handlers called through a ref, the loop over a mailbox, timers, child tasks, deferred
replies, watches, and the functions that act on a ref (`stop`, `flush`, `info`). A message goes from `calls.py` through the
mailbox to `loop.py`.

It does not hold what every child has (names, incarnations, exits, restarts: `supervision`), what a message or a mailbox is
(`messaging`), or how a state is committed (`durability`).
"""
