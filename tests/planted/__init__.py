"""Semantic bugs that a good engineer may really make, a sentence each, and a program that tells what finds them, and how soon."""
