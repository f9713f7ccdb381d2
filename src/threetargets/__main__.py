"""`python -m threetargets`: the command line, for launchers that start modules."""

from threetargets.cli import main

main()
