"""`python -m esper`: the command line, where the `esper` command is not on the PATH."""

from __future__ import annotations

from esper.cli.main import main

if __name__ == "__main__":
    main()
