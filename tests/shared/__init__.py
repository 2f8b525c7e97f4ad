"""Actors and small helpers that many tests use: `from shared.actors import Book, Clerk`.

What only one test file uses stays in that file, and so does an actor whose behaviour is what a test is about. Fixtures stand in the
`conftest.py` of their folder. pytest puts `tests/` on the import path (`pythonpath` in pyproject.toml).
"""
