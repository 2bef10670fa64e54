"""The site of the documentation: pages of this folder, and a page for each public name from its docstring.

Pages are found by their place: `*.md` are explanations, `how-to/*.md` are recipes, and `paper-figures/*/README.md` are
reproductions. Nothing lists them.
"""

from __future__ import annotations

import inspect
from itertools import groupby
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import bitlens

DOCS = Path(__file__).parent

project = "bitlens"
author = "The bitlens developers"
release = str(bitlens.build_info()["version"])
version = release.partition("+")[0]

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["examples"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_enable_extensions = ["dollarmath", "fieldlist"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the docstrings say what the types say
autosummary_generate = False
numpydoc_show_class_members = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "ignore_pattern": "digits_lenet",
    "only_warn_on_example_error": False,
    "abort_on_example_error": True,
    "show_memory": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "bitlens"
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False

TOPICS = {
    "bitlens.estimators": "Estimators on arrays",
    "bitlens.network": "Networks: recording, discarding, ablation",
    "bitlens.runs": "Runs on disk",
    "bitlens.measures": "Measures of a run",
    "bitlens.runtime": "Build and threads",
}


def topic(name: str) -> str:
    """The package in which a public name is defined; those without a title are listed by their names, at the end."""
    item = getattr(bitlens, name)
    module = item.__module__ if hasattr(item, "__module__") else type(item).__module__
    return next((package for package in TOPICS if module.startswith(package)), ".".join(module.split(".")[:2]))


def write_api_pages() -> None:
    """One page for each public name, and an index by topic. Files whose text is unchanged are left alone."""
    folder = DOCS / "api" / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    pages = {}
    index = [
        "# API reference",
        "",
        "Every public name is imported from `bitlens`. Units, ranges and errors are stated.",
        "",
    ]
    others = sorted({topic(name) for name in bitlens.__all__} - TOPICS.keys())
    order = [*TOPICS, *others]
    for package, names in groupby(sorted(bitlens.__all__, key=lambda name: (order.index(topic(name)), name)), topic):
        here = list(names)
        index += [f"## {TOPICS.get(package, package)}", "", "```{eval-rst}", ".. autosummary::", ""]
        index += [*(f"   ~bitlens.{name}" for name in here), "```", ""]
        for name in here:
            kind = "autoclass" if inspect.isclass(getattr(bitlens, name)) else "autofunction"
            pages[f"{name}.rst"] = "\n".join([name, "=" * len(name), "", f".. {kind}:: bitlens.{name}", ""])
    index += ["```{toctree}", ":hidden:", ":glob:", "", "pages/*", "```", ""]
    for path in folder.glob("*.rst"):
        if path.name not in pages:
            path.unlink()
    for path, text in [(DOCS / "api" / "index.md", "\n".join(index)), *((folder / n, t) for n, t in pages.items())]:
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def add_explanations(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the pages of this folder where the section of explanations lists them; a glob would list index.md as well."""
    if page == "explanation/index":
        names = sorted(path.stem for path in DOCS.glob("*.md") if path.stem != "index")
        source[0] = source[0].replace("PAGES", "\n".join(f"/{name}" for name in names))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx before it reads the pages."""
    write_api_pages()
    app.connect("source-read", add_explanations)
    return {"parallel_read_safe": True}
