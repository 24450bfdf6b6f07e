"""The report of one object: gathered, laid out, written whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sigel.config.report import ReportConfig
from sigel.errors import InputError
from sigel.keys import check_key
from sigel.report._calls import PYTHON, Calls
from sigel.report._compose import Asked, composed
from sigel.report._found import found_in, is_text
from sigel.report._sections import checked_table
from sigel.runtime.drafts import check_absent, check_place, drafted, writing
from sigel.runtime.requires import requires
from sigel.tasks.gene_groups.gene_sets import GeneSets, check_sets
from sigel.tasks.gene_map import Method, check_method

if TYPE_CHECKING:
    from anndata import AnnData

_REPLACE = "Choose another name, or replace it: overwrite=True."


def write_report(
    adata: AnnData,
    path: str | Path,
    *,
    title: str | None = None,
    gene_sets: GeneSets | None = None,
    disease_genes: pd.DataFrame | None = None,
    method: Method = "tsne",
    layer: str | None = None,
    spatial_key: str | None = None,
    section_key: str | None = None,
    key: str = "sigel",
    config: ReportConfig | dict[str, Any] | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Write what was found in a section as one HTML file that opens offline.

    It says what was run, how good the results are beside their baselines, and shows training, the map of
    genes with the image of each, groups, spatial genes and domains: what the object holds. Of what it does
    not hold the report names the call that makes it.

    Parameters
    ----------
    adata
        Spots x genes with results of `sigel.tl.embed`, `sigel.tl.spatial_genes` or `sigel.tl.domains`, and
        its counts and coordinates; only read.
    path
        The file: a name that ends in `.html`. It is whole or not there.
    title
        Heading of the page; default: `"SIGEL report"`.
    gene_sets
        Path of a GMT file or a dict of names of genes by name of the set: groups are called after the set
        that they are richest in, as in `sigel.pl.gene_groups`.
    disease_genes
        Table of `sigel.tl.disease_genes`, shown beside the section.
    method
        How the map is laid out, as in `sigel.pl.gene_map`: `"tsne"` (a minute for 10,000 genes) or `"pca"`.
    layer, spatial_key
        As in `sigel.tl.embed`; default: those of the fit or of domains under `key`, else `X` and
        `"spatial"`.
    section_key
        Column of `obs` that tells several sections apart, for what does not store it, as spatial genes;
        default: that of the fit or of domains under `key`.
    key
        `key_added` of `sigel.tl.embed`.
    config
        Further settings, a `ReportConfig` or a dict of some: `max_mb` (5), the size of the file in millions
        of bytes, within which as many genes as there is room for have an image, those with the clearest
        pattern first; `picture_side` (48), `n_top` (50), `n_neighbors` (6), `n_typical` (5), `max_groups`
        (40).
    seed
        Of the map, and of random genes that a similarity is held against.
    overwrite
        Replace a file that is there.

    Returns
    -------
    pathlib.Path
        The file. The same object gives the same file, but for the date.

    Raises
    ------
    InputError
        When there are no results under `key`, an argument cannot be used, or the file is there already, or
        cannot be written.
    MissingPackageError
        When a package is missing: `pip install "sigel[report]"`.

    Examples
    --------
    >>> import sigel, tempfile
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> sigel.tl.embed(adata, preset="fast", progress=False)
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = sigel.report.write_report(adata, folder.name + "/report.html", method="pca")
    >>> path.stat().st_size < 5_000_000
    True
    """
    return write_in_words_of(
        PYTHON,
        adata,
        path,
        overwrite=overwrite,
        title=title,
        gene_sets=gene_sets,
        disease_genes=disease_genes,
        method=method,
        layer=layer,
        spatial_key=spatial_key,
        section_key=section_key,
        key=key,
        config=config,
        seed=seed,
    )


def write_in_words_of(
    calls: Calls, adata: AnnData, path: str | Path, *, overwrite: bool, **asked: Any
) -> Path:
    """The same; `calls` are what makes each result, in the words of the door that was taken.

    Parameters
    ----------
    calls
        By what they make.
    adata, path, overwrite, asked
        As in `write_report`.
    """
    if not isinstance(overwrite, bool | np.bool_):
        raise InputError("overwrite", repr(overwrite)[:60], "True or False", "Leave it out.")
    place = _checked_place(path, overwrite=bool(overwrite))
    text = page_of(adata, calls=calls, **asked)
    with writing(place, "path"), drafted(place) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
        if not overwrite:
            check_absent(place, "path", _REPLACE)
    return place


def page_of(
    adata: AnnData,
    *,
    calls: Calls,
    title: str | None = None,
    gene_sets: GeneSets | None = None,
    disease_genes: pd.DataFrame | None = None,
    method: Method = "tsne",
    layer: str | None = None,
    spatial_key: str | None = None,
    section_key: str | None = None,
    key: str = "sigel",
    config: ReportConfig | dict[str, Any] | None = None,
    seed: int = 0,
) -> str:
    """The text of the file.

    Parameters
    ----------
    adata, calls, title, gene_sets, disease_genes, method, layer, spatial_key, section_key, key, config, seed
        As in `write_in_words_of`.
    """
    if section_key is not None and not isinstance(section_key, str):
        raise InputError(
            "section_key", repr(section_key)[:60], "the name of a column of obs", "Leave it out."
        )
    for package in ("jinja2", "matplotlib"):
        requires(package, "sigel.report", "a report")
    check_key(key, "key")
    check_method(method)
    if title is not None and not isinstance(title, str):
        raise InputError("title", repr(title)[:60], "text", "Leave title out.")
    if title is not None and not is_text(title):
        raise InputError("title", ascii(title)[:60], "text that is Unicode", "Leave title out.")
    asked = Asked(
        title=title or "SIGEL report",
        gene_sets=None if gene_sets is None else check_sets(gene_sets),
        disease_genes=checked_table(disease_genes),
        method=method,
        config=ReportConfig.given(config),
        seed=seed,
        calls=calls,
    )
    try:
        return composed(found_in(adata, key, layer, spatial_key, section_key), asked)
    except UnicodeEncodeError as error:
        around = ascii(error.object[max(error.start - 20, 0) : error.end + 20])[:80]
        raise InputError("adata", f"{around} in a name", "names that are Unicode", "Rename it.") from error


def _checked_place(path: object, *, overwrite: bool) -> Path:
    """The place of the file, refused before the work."""
    wanted, fix = "a name that ends in .html", 'For example "report.html".'
    if not isinstance(path, str | Path) or Path(path).suffix.lower() not in (".html", ".htm"):
        raise InputError("path", repr(path)[:80], wanted, fix)
    try:
        place = Path(path).expanduser()
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # told below, where that is of the folder
    except (OSError, RuntimeError, ValueError) as error:
        found = f"{ascii(str(path))[:80]}, which cannot be written ({error})"[:200]
        raise InputError("path", found, "a place for a file", "Choose another.") from error
    check_place(place, "path", fix)
    if not overwrite:
        check_absent(place, "path", _REPLACE)
    return place
