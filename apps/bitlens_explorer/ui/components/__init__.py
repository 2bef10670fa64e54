"""Components that run in the browser: one folder each, with Python and the JavaScript that it sends to the browser."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

_IMPORT = re.compile(r'^import [^;]*? from "\.[\w./]*/\w+\.mjs";\n', re.MULTILINE)


@cache
def sources(name: str, *scripts: str) -> dict[str, Any]:
    """The files of a component. The browser gets its scripts as one, so imports between them are removed.

    Parameters
    ----------
    name : str
        Folder of the component, and name of its HTML and CSS files.
    *scripts : str
        Scripts such as "heatmap/heatmap", in an order in which each follows those that it imports.
    """
    folder = files(__package__)
    html, css = ((folder / name / f"{name}.{ending}").read_text("utf-8") for ending in ("html", "css"))
    parts = [_IMPORT.sub("", (folder / f"{script}.mjs").read_text("utf-8")) for script in scripts]
    return {"html": html, "css": css, "js": "\n".join(parts)}
