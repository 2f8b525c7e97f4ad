"""Stores for trioactors: one file each, found through the entry point group `trioactors.backends`."""
