"""`sigel impute`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from sigel.cli._inputs import read_given
from sigel.cli._options import READ, TELL, Input, Names, Paths, Read, Tell, Write, asks
from sigel.cli._outputs import destination_of
from sigel.cli._samples import table_at
from sigel.cli._talk import shows_progress
from sigel.cli._values import names_in, settings_in
from sigel.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData


@asks("tl.impute")
def impute(
    input: Input,
    /,
    *,
    write: Write,
    reference: Paths = (),
    genes: Names = (),
    method: Literal["auto", "ensemble", "representation", "ridge", "neighbors", "gan"] = "auto",
    model: Paths = (),
    orthologs: Path | None = None,
    reference_layer: str | None = None,
    spatial_key: str = "spatial",
    intervals: bool = True,
    config: str | None = None,
    seed: int = 0,
    device: str = "auto",
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Impute genes that a panel did not measure, and say how far to trust each.

    Writes an .h5ad file, the cells of the input x imputed genes, with layers "lower" and "upper",
    var["expected_pcc"], var["trusted"] and uns["sigel_imputation"].

    Parameters
    ----------
    input
        The panel: a folder of a platform, an .h5ad file or a zarr store, with raw counts. Options of reading
        are about it; what a reference is, its files tell.
    reference
        Like tissue with all genes: a section, or single cells without places; several, of either kind, are
        averaged. Genes are paired by name.
    genes
        Names to impute, as the panel would spell them; @FILE: those in a file, a name a line. Default: every
        gene of the reference that has an image there and that the panel lacks.
    model
        Folder of a fitted model of the reference; one for each where there are several references. Default:
        the reference's eigenimages, which take seconds.
    orthologs
        Where the species differ: a table (.csv, else with tabs) with columns target and reference.
    reference_layer
        Of the reference, the layer that holds the counts; default: X.
    config
        Further settings: a file of JSON, or JSON itself, such as {"zeros": "rate"}.

    Examples
    --------
    sigel impute xenium -o imputed.h5ad --reference visium/outs
    sigel impute panel.h5ad -o imputed.h5ad --reference section.h5ad --genes Gad1 Gad2
    """
    to = destination_of(write, [input, *reference], [".h5ad"])
    if not reference:
        raise InputError("reference", "none", "a section with all genes", "Give --reference PATH.")
    asked, settings = names_in(genes, "genes"), settings_in(config)
    pairs = None if orthologs is None else table_at(orthologs, "orthologs")
    target = read_given([input], read, images=True).joined()
    own = replace(READ, layer=reference_layer)
    others = list(read_given(reference, own).sections.values())
    from sigel.tl import impute

    def made(out: Path | None) -> object:
        return impute(
            target,
            others,
            genes=asked,
            method=method,
            model=list(model) or None,
            orthologs=pairs,
            layer=read.layer,
            reference_layer=reference_layer,
            spatial_key=spatial_key,
            intervals=intervals,
            config=settings,
            out=out,
            seed=seed,
            device=device,
            progress=shows_progress(tell),
        )

    # Some genes at a time, so that memory has no say; later rounds need the values of earlier ones.
    if (settings or {}).get("rounds", 1) == 1:
        to.write_through(made)
    else:
        to.write_object(cast("AnnData", made(None)))
