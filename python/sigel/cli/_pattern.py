"""`sigel pattern`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sigel.cli._inputs import read_given
from sigel.cli._options import READ, TELL, Input, Names, Read, RegionKey, Tell, Write, asks
from sigel.cli._outputs import TABLES, destination_of
from sigel.cli._talk import shows_progress
from sigel.cli._values import levels_in, settings_in


@asks("tl.pattern_genes")
def pattern(
    input: Input,
    /,
    *,
    write: Write,
    region_key: RegionKey,
    levels: Names = (),
    unit: Literal["quantile", "multiple"] = "quantile",
    background: float | None = None,
    n_draws: int = 10,
    null: Literal["regions", "spots"] = "regions",
    n_null: int = 200,
    similarity: Literal["cosine", "euclidean"] = "cosine",
    model: Path | None = None,
    spatial_key: str | None = None,
    key: str = "sigel",
    config: str | None = None,
    seed: int = 0,
    device: str = "auto",
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Find the genes that are high where you say and low where you say.

    Writes a table with a row for each gene, the best first: similarity, rank (1 follows it best), pval, qval,
    status.

    Parameters
    ----------
    input
        A folder of a platform, an .h5ad file or a zarr store, with raw counts.
    levels
        Level of each region, as REGION=LEVEL; none for a column of numbers.
    model
        Folder of a fitted model; default: the section's eigenimages, made in seconds.
    config
        How images are made: a file of JSON, or JSON itself; default: as in the model, else as in the fit
        under --key.

    Examples
    --------
    sigel pattern section.h5ad -o pattern.tsv --region-key layer --levels L4=0.9
    sigel pattern section.h5ad -o pattern.tsv --region-key layer --levels L2=5 L3=5 --unit multiple
    sigel pattern section.h5ad -o - --region-key distance_to_plaque
    """
    to = destination_of(write, [input], TABLES)
    wanted, settings = levels_in(levels), settings_in(config)
    adata = read_given([input], read).joined()
    from sigel.tl import pattern_genes

    table = pattern_genes(
        adata,
        region_key,
        wanted,
        unit=unit,
        background=background,
        n_draws=n_draws,
        null=null,
        n_null=n_null,
        similarity=similarity,
        model=model,
        layer=read.layer,
        spatial_key=spatial_key,
        key=key,
        config=settings,
        seed=seed,
        device=device,
        progress=shows_progress(tell),
    )
    to.write_table(table.sort_values("rank"), "gene")
