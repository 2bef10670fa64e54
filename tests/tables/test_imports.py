"""The estimators of bitlens need NumPy alone, also since there are tables."""

from __future__ import annotations

import subprocess
import sys


def test_the_package_does_not_import_pandas():
    script = "import sys, bitlens; print({'pandas', 'xarray', 'bitlens.tables'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "set()"
