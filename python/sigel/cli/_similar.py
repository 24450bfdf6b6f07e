"""`sigel similar`."""

from __future__ import annotations

from typing import Literal

from sigel.cli._inputs import read_given
from sigel.cli._options import READ, TELL, Input, N, Names, Read, Tell, Write, asks
from sigel.cli._outputs import TABLES, destination_of
from sigel.cli._values import names_in
from sigel.errors import InputError


@asks("tl.similar_genes")
def similar(
    input: Input,
    /,
    *,
    write: Write,
    genes: Names = (),
    n: N = 20,
    combine: Literal["mean", "each"] = "mean",
    key: str = "sigel",
    seed: int = 0,
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Find the genes whose images mean most nearly the same as those of some genes.

    Writes a table with a row for each found gene, nearest first: query, gene, rank, similarity, random_mean,
    random_95, pval, group.

    Parameters
    ----------
    input
        An .h5ad file that sigel embed wrote.
    genes
        Name of an embedded gene, or several, with spaces or commas between; @FILE: those in a file, a name a
        line.

    Examples
    --------
    sigel similar section.h5ad -o - --genes Mbp
    sigel similar section.h5ad -o similar.tsv --genes Mbp Plp1 Mobp --n 50
    sigel similar section.h5ad -o similar.tsv --genes @genes.txt --combine each
    """
    to = destination_of(write, [input], TABLES)
    asked = names_in(genes, "genes")
    if asked is None:
        raise InputError("genes", "no gene", "names of genes", "For example --genes Mbp Plp1.")
    adata = read_given([input], read).joined()
    from sigel.tl import similar_genes

    to.write_table(
        similar_genes(adata, asked, n=n, combine=combine, layer=read.layer, key=key, seed=seed),
    )
