"""Make `python -m textshot` the command line."""

from textshot.cli import main

main()
