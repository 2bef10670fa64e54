"""Prints the oldest versions that pyproject.toml allows for the estimators and the extra `run`, as pins for pip."""

from __future__ import annotations

import tomllib
from pathlib import Path

if __name__ == "__main__":
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["run"]]
    assert all(">=" in requirement for requirement in requirements), requirements
    print(*(requirement.partition(",")[0].replace(">=", "==") for requirement in requirements), sep="\n")
