"""Actors: the class, its refs, and everything one incarnation does.

Here belongs what only an actor has: handlers reached through a ref, the loop over its mailbox, timers, child tasks, deferred replies,
watching. What every child has (a name, incarnations, exits) is in `supervision`; how a state is committed is in `durability`.
"""
