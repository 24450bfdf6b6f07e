"""How the site is built: `make docs`. Notebooks are shown as they are stored, none is run here."""

from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

import sigel  # noqa: E402

project, author, version = "SIGEL", "SIGEL developers", sigel.__version__
release, copyright = version, "SIGEL developers, MIT licence"
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["_pictures"]

html_theme = "sphinx_book_theme"
html_title = f"SIGEL {version}"
html_theme_options = {"show_navbar_depth": 1, "home_page_in_toc": True, "navbar_persistent": []}
# The button of a notebook downloads it under its own name.
html_sourcelink_suffix = ""

nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
# Names between single backticks in docstrings lead to what they name.
default_role = "py:obj"

# Pages that are also read elsewhere, such as the news, begin at another level of headings.
suppress_warnings = ["myst.header"]


def pictures_of(notebook: Path) -> list[tuple[str, str, str]]:
    """Call, heading above it and picture, of each picture that a notebook stores."""
    heading, found = "", []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            heading = ([heading] + re.findall(r"^#+ (.+)$", text, re.MULTILINE))[-1]
        for output in cell.get("outputs", ()):
            if png := output["data"].get("image/png"):
                (*_, call) = re.findall(r"sigel\.pl\.\w+", text)
                found.append((call, heading, "".join(png)))
    return found


def write_gallery() -> None:
    """The page with every picture of the notebooks, each leading to where it is made."""
    folder = HERE / "_pictures"
    folder.mkdir(exist_ok=True)
    told = "Every picture of the notebooks, all of **simulated** sections. A name leads to its help."
    lines = ["# Gallery", "", told, ""]
    # In the order of the contents.
    home = (HERE / "index.md").read_text(encoding="utf-8")
    for name in re.findall(r"^notebooks/([\w-]+)$", home, re.MULTILINE):
        notebook = HERE / "notebooks" / f"{name}.ipynb"
        title = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"][0].lstrip("# ").strip()
        lines += [f"## {title}", "", f"Made in [{title}](notebooks/{notebook.name}).", ""]
        for number, (call, heading, png) in enumerate(pictures_of(notebook), 1):
            file = folder / f"{notebook.stem}-{number}.png"
            file.write_bytes(base64.b64decode(png))
            lines += [f":::{{figure}} _pictures/{file.name}", f":alt: {heading}", ""]
            lines += [f"{{py:func}}`{call}`: {heading}", ":::", ""]
    (HERE / "gallery.md").write_text("\n".join(lines), encoding="utf-8")


write_gallery()
