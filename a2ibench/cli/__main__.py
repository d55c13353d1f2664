"""Run the command line: ``python -m a2ibench.cli``."""

from a2ibench.cli import main

main()
