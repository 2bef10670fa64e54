"""Own components: Python beside the JavaScript that it hands to the browser."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

_IMPORT = re.compile(r'^import [^;]*? from "\./\w+\.mjs";\n', re.MULTILINE)


@cache
def sources(name: str, *scripts: str) -> dict[str, Any]:
    """A component's own files. They are one script to the browser, so the imports of one by another go."""
    folder = files(__package__)
    html, css = ((folder / f"{name}.{ending}").read_text("utf-8") for ending in ("html", "css"))
    parts = [_IMPORT.sub("", (folder / f"{script}.mjs").read_text("utf-8")) for script in scripts]
    return {"html": html, "css": css, "js": "\n".join(parts)}
