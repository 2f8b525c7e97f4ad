"""Durability: how the state of an actor becomes a commit, and what waits for that commit.

This room holds the persistence policies, the saver of an incarnation, the output gate (`EVERY_MESSAGE`) and write-behind
(`Within`). A cast, a timer or a reply that must wait for a commit is held by the saver as an `Effect`.

It does not hold stores or the grouping of commits (`persistence`), the encoding of a state (`serializer`), or anything about
the actor's class: a saver sees the state through the Protocol `State`.
"""
