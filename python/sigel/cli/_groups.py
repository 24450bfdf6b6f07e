"""`sigel groups`."""

from __future__ import annotations

from sigel.cli._inputs import read_given
from sigel.cli._options import READ, TELL, Input, Read, Tell, Write, asks
from sigel.cli._outputs import TABLES, destination_of
from sigel.errors import InputError


@asks("tl.gene_groups")
def groups(
    input: Input,
    /,
    *,
    write: Write,
    n_groups: int | None = None,
    resolution: float | None = None,
    key: str = "sigel",
    key_added: str | None = None,
    seed: int = 0,
    device: str = "auto",
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Describe the gene groups, or make more or fewer of them from the same representations.

    Writes a table with a row for each group: n_genes, medoid (its most typical gene), mean_prob, cohesion,
    typical (five genes). With --n-groups or --resolution, an .h5ad file too: the object with the new groups.

    Parameters
    ----------
    input
        An .h5ad file that sigel embed wrote.

    Examples
    --------
    sigel groups section.h5ad -o groups.tsv
    sigel groups section.h5ad -o modules.h5ad --resolution 2 --key-added modules
    """
    to = destination_of(write, [input], [*TABLES, ".h5ad"])
    if to.is_object and n_groups is None and resolution is None:
        found, fix = f"{write.output!r}, but no new groups", "Give --n-groups or --resolution too."
        raise InputError("output", found, "a table, or new groups", fix)
    adata = read_given([input], read, images=to.is_object).joined()
    from sigel.tl import gene_groups

    table = gene_groups(
        adata,
        n_groups=n_groups,
        resolution=resolution,
        key=key,
        key_added=key_added,
        seed=seed,
        device=device,
    )
    if to.is_object:
        to.write_object(adata)
    else:
        to.write_table(table)
