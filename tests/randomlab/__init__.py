# The random lab: applications that a seed writes, and one slow, obvious model of the whole contract that judges what they did.
#
#     data.py         an application as plain data: classes, tree, clients, options
#     acts.py         what handlers and clients can do: one line for each public capability
#     chance.py       what applications are drawn with: the random numbers of a seed, tilted by a plan
#     drawing.py      seed and plan -> application
#     source.py       application -> the Python program that is run, and that a person reads if a promise was broken
#     stage/          what such a program stands on: actors and users that note what they do and what happens to them
#     notes.py        the notes
#     contract/       the model: docs/promises.md made executable. It shares no code with what it judges
#     running.py      one application under one seed, with its faults and its judgement
#     states.py       the states of the output gate, the supervisor loop and the mailbox that are looked for
#     looking.py      which of them an actor is in
#     coverage.py     what a run has met: acts, pairs of an act and a fault, states
#     steering.py     what was met -> a plan for what is drawn next: what is rare, more often
#     rounds.py       seeds in rounds, each with its plan
#     shrinking.py    the smallest application that still breaks the promise
#
# Start with contract/__init__.py, then notes.py.
