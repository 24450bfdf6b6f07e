"""`sigel genes`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sigel.cli._inputs import read_given
from sigel.cli._options import READ, TELL, Inputs, Names, Read, Tell, Write, asks
from sigel.cli._outputs import TABLES, destination_of
from sigel.cli._talk import shows_progress
from sigel.cli._values import settings_in


@asks("tl.spatial_genes")
def genes(
    inputs: Inputs,
    /,
    *,
    write: Write,
    spatial_key: str | None = None,
    covariates: Names = (),
    section_key: str | None = None,
    null: Literal["permute", "nb", "zinb"] = "permute",
    n_nulls: int = 1,
    score: bool = True,
    model: Path | None = None,
    key: str = "sigel",
    config: str | None = None,
    seed: int = 0,
    device: str = "auto",
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Find the genes whose expression has a spatial pattern.

    Writes a table with a row for each gene, the best first: score, statistic, pval, log_pval (natural), qval,
    rank, effect, length_scale, status; or an .h5ad file with them in var["sigel_spatial_..."]. Of several
    inputs each is tested alone, and the answers are combined.

    Parameters
    ----------
    inputs
        Folders of platforms, .h5ad files or zarr stores, raw counts; sigel embed need not have run.
    section_key
        Column of obs that tells several sections of one input apart: each is tested alone, and the answers
        are combined. Default: that of the fit under --key; of several inputs sample.
    score
        Whether to have the SIGEL score, which takes most of the time.
    model
        Folder of a fitted model for the score. Default: eigenimages made of half of the genes judge the other
        half, so that genes without a pattern score about 0.
    config
        How images are made: a file of JSON, or JSON itself; default: as in the fit under --key.

    Examples
    --------
    sigel genes outs -o genes.tsv
    sigel genes section.h5ad -o section-with-genes.h5ad --covariates cell_type
    sigel genes section.h5ad -o - --no-score | head
    """
    to = destination_of(write, inputs, [*TABLES, ".h5ad"])
    settings = settings_in(config)
    given = read_given(inputs, read, images=to.is_object)
    adata = given.joined()
    from sigel.tl import spatial_genes

    table = spatial_genes(
        adata,
        layer=read.layer,
        spatial_key=spatial_key,
        covariates=list(covariates) or None,
        section_key=given.section_key(section_key),
        null=null,
        n_nulls=n_nulls,
        score=score,
        model=model,
        key=key,
        config=settings,
        seed=seed,
        device=device,
        progress=shows_progress(tell),
    )
    if to.is_object:
        to.write_object(adata)
    else:
        to.write_table(table.sort_values("rank"), "gene")
