"""Durability: how the state of an actor becomes a commit, and what waits for it.

Here belong the persistence policies, the saver of an incarnation, the output gate (`EVERY_MESSAGE`) and the write-behind window (`Within`).
What a store is and how commits are grouped is in `persistence`; how a state becomes bytes is in `serializer`.
"""
