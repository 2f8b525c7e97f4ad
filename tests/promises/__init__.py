"""The figures of docs/promises.md: what the labs have shown, kept as they said it, and written into the pages by a program."""
