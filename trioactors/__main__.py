"""`python -m trioactors`: the same as the command `trioactors`."""

import sys

from trioactors.cli import main

if __name__ == "__main__":
    sys.exit(main())
