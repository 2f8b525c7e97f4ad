"""The figures of docs/promises.md and docs/simulation.md: the output of the labs, word for word, written into the pages by a program."""
