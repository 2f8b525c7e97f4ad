"""Supervision: the tree, its children, and the rules of restarts.

Here belong child specs, the rules (`restarts`), supervisors and their loop, the life cycle of a child, names, and the wait graph.
What only actors have is in `actors`, which stands above this room.
"""
