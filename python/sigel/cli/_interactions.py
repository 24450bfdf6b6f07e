"""`sigel interactions`."""

from __future__ import annotations

from pathlib import Path

from sigel.cli._inputs import read_given
from sigel.cli._options import READ, TELL, Inputs, N, Names, Read, SectionKey, Tell, Write, asks
from sigel.cli._outputs import TABLES, destination_of
from sigel.cli._tables import facts
from sigel.cli._talk import say, shows_progress
from sigel.cli._values import names_in, settings_in


@asks("tl.gene_interactions")
def interactions(
    inputs: Inputs,
    /,
    *,
    write: Write,
    pairs: Path | None = None,
    genes: Names = (),
    partners_of: Names = (),
    n: N = 20,
    known: Path | None = None,
    section_key: SectionKey = None,
    spatial_key: str = "spatial",
    config: str | None = None,
    seed: int = 0,
    device: str = "auto",
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Score pairs of genes by how alike their pictures are over sections.

    Writes a table with a row for each pair: gene_a, gene_b, similarity, null_mean, null_sd, pval, qval,
    n_sections, prob (with --known), status; or, as .graphml, the network that Cytoscape, Gephi and igraph
    read.

    Parameters
    ----------
    inputs
        Sections of like tissue: folders of platforms, .h5ad files or zarr stores, raw counts. One is enough.
    pairs
        Pairs that are asked about, for example of ligand and receptor: a table (.csv, else with tabs) with
        the columns gene_a and gene_b, or else its first two columns.
    genes
        Instead: genes all of whose pairs are asked about, for a network of them; @FILE: those in a file, a
        name a line.
    partners_of
        Instead: a gene, or several, each with all other genes; the --n most alike of each are returned.
    known
        Table of pairs known to belong together, as --pairs, perhaps with a column label, 0 for pairs that do
        not. A score is learnt from them, prob. With nothing else given, they are what is asked about.
    section_key
        Column of obs that tells the sections of one input apart, or that names the section of each of
        several.
    config
        Settings of the images: a file of JSON, or JSON itself.

    Examples
    --------
    sigel interactions section.h5ad -o partners.tsv --partners-of Mbp --n 50
    sigel interactions a.h5ad b.h5ad -o network.graphml --genes @genes.txt
    sigel interactions section.h5ad -o pairs.tsv --pairs ligand_receptor.csv
    """
    to = destination_of(write, inputs, [*TABLES, ".graphml"])
    among, of = names_in(genes, "genes"), names_in(partners_of, "partners-of")
    settings = settings_in(config)
    given = read_given(inputs, read)
    from sigel.tl import gene_interactions

    table = gene_interactions(
        given.as_cohort(section_key),
        pairs,
        genes=among,
        partners_of=of,
        n=n,
        known=known,
        section_key=section_key,
        layer=read.layer,
        spatial_key=spatial_key,
        config=settings,
        seed=seed,
        device=device,
        progress=shows_progress(tell),
    )
    if to.kind == ".graphml":
        to.write_network(table)
    else:
        to.write_table(table)
    say(facts(table.attrs), tell)
