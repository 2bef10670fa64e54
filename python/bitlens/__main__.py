"""``python -m bitlens``: the command line where its script is not on the path."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current folder, whose files would otherwise replace libraries

from bitlens.cli import main

main()
