"""`sigel report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sigel.cli._inputs import read_given
from sigel.cli._options import READ, TELL, Input, Read, Tell, Write, asks
from sigel.cli._outputs import destination_of
from sigel.cli._samples import table_at
from sigel.cli._values import settings_in
from sigel.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@asks("report.write_report")
def report(
    input: Input,
    /,
    *,
    write: Write,
    title: str | None = None,
    gene_sets: Path | None = None,
    disease_genes: Path | None = None,
    method: Literal["tsne", "pca"] = "tsne",
    spatial_key: str | None = None,
    section_key: str | None = None,
    key: str = "sigel",
    config: str | None = None,
    seed: int = 0,
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Write what was found in a section as one HTML file that opens offline.

    It says what was run, how good the results are beside their baselines, and shows training, the map of
    genes with the image of each, groups, spatial genes and domains: what the input holds.

    Parameters
    ----------
    input
        An .h5ad file that sigel embed, sigel genes or sigel domains wrote.
    gene_sets
        A GMT file: groups are called after the set that they are richest in.
    disease_genes
        Table that sigel compare wrote (.json, with all that is known of it, .csv, else with tabs), shown
        beside the section.
    section_key
        Column of obs that tells several sections apart. Default: that of the fit or of the domains under
        --key.
    method
        How the map is laid out: tsne (a minute for 10,000 genes) or pca.
    config
        Further settings: a file of JSON, or JSON itself, such as {"max_mb": 2}.

    Examples
    --------
    sigel report section.h5ad -o report.html
    sigel report section.h5ad -o report.html --gene-sets hallmarks.gmt --force
    """
    to = destination_of(write, [input], [".html"])
    settings = settings_in(config)
    table = None if disease_genes is None else changes_at(disease_genes)
    adata = read_given([input], read).joined()
    from sigel.report._calls import COMMAND_LINE
    from sigel.report._write import page_of

    text = page_of(
        adata,
        calls=COMMAND_LINE,
        title=title,
        gene_sets=gene_sets,
        disease_genes=table,
        method=method,
        layer=read.layer,
        spatial_key=spatial_key,
        section_key=section_key,
        key=key,
        config=settings,
        seed=seed,
    )
    to.write_page(text)


def changes_at(path: Path) -> pd.DataFrame:
    """A table that `sigel compare` wrote, genes as its index.

    Parameters
    ----------
    path
        Of a file of JSON, or a table.

    Raises
    ------
    InputError
        When it cannot be read, or has no column of genes.
    """
    import pandas as pd

    wanted, fix = "a table of sigel compare", "Check the path."
    attrs = {}
    if path.suffix.lower() == ".json":
        try:
            told = json.loads(path.expanduser().read_text("utf-8"))
            table, attrs = pd.DataFrame(told["rows"]), dict(told["attrs"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            found = f"{str(path)!r}, which cannot be read ({error})"
            raise InputError("disease_genes", found, wanted, fix) from error
    else:
        table = table_at(path, "disease_genes")
    if "gene" not in table:
        raise InputError("disease_genes", f"{str(path)!r} without a column gene", wanted, fix)
    table = table.set_index(table["gene"].astype(str)).drop(columns="gene")
    table.attrs = attrs
    return table
