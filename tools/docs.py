"""Builds the site into build/docs: runs the notebooks, then Sphinx (warnings are errors), then follows links.

Usage: python tools/docs.py [--stored]

With `--stored` notebooks are taken as they are stored. Links that lead out of the site are not fetched. The R
package's site is built beside it, in build/pkgdown, where pkgdown is installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import tomllib

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "build" / "docs"


class Page(HTMLParser):
    """What a page links to, and what in it can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names |= {given[key] or "" for key in ("id", "name") if key in given}
        self.links += [given[key] or "" for key in ("href", "src") if key in given]


def broken() -> list[str]:
    """Links of the site to pages, pictures or headings that are not there."""
    pages = {path.resolve(): Page(path) for path in SITE.rglob("*.html") if "_static" not in path.parts}
    found = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            name = unquote(parts.fragment)
            there = target.is_file() and (not name or target not in pages or name in pages[target].names)
            if not there and link not in ("", "#"):
                found.append(f"{path.relative_to(SITE)}: {link}")
    return found


def r_site() -> None:
    """The site of the R package, or a line that says why there is none."""
    asked = ["Rscript", "-e", "quit(status = !requireNamespace('pkgdown', quietly = TRUE))"]
    if shutil.which("Rscript") is None or subprocess.run(asked, check=False).returncode:
        print("pkgdown is not installed (r-cran-pkgdown in Debian): the site of the R package was not built.")
        return
    where = "override = list(destination = 'build/pkgdown')"
    build = f"pkgdown::build_site({where}, preview = FALSE, examples = FALSE)"
    subprocess.run(["Rscript", "-e", build], cwd=ROOT, check=True)


def install() -> None:
    """The packages of the extra `docs`, where they are missing."""
    if all(find_spec(name) for name in ("ipykernel", "myst_nb", "numpydoc", "sphinx_book_theme", "scanpy")):
        return
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = extras["optional-dependencies"]["docs"]
    pip = [sys.executable, "-m", "pip", "install", "-q", "-c", str(ROOT / "tools" / "constraints.txt")]
    subprocess.run([*pip, *wanted], check=True)


def main(arguments: list[str]) -> None:
    """Builds, checks, and says where it is."""
    if arguments not in ([], ["--stored"]):
        raise SystemExit(__doc__)
    install()
    if not arguments:
        subprocess.run([sys.executable, str(ROOT / "tools" / "notebooks.py")], check=True)
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.rmtree(ROOT / "docs" / "api" / "generated", ignore_errors=True)
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    subprocess.run([*sphinx, "-d", "build/doctrees", "docs", "build/docs"], cwd=ROOT, check=True)
    if wrong := broken():
        raise SystemExit("links that lead nowhere:\n" + "\n".join(wrong))
    print(f"In {SITE.relative_to(ROOT)}/: open index.html")
    r_site()


if __name__ == "__main__":
    main(sys.argv[1:])
