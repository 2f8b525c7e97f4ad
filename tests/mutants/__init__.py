"""Planted bugs, chosen by a mutation tool, and a program that tells how soon simulations find each of them."""
