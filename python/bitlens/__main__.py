"""``python -m bitlens``: the command line where its script is not on the path."""

from bitlens.cli import main

main()
