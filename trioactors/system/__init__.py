"""The system: the handle on one running tree.

Here belong `System`, the root of the tree, the portal for other threads, and `explain`. Opening one is `trioactors.running`, which puts the
house together.
"""
