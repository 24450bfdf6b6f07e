"""`sigel compare`."""

from __future__ import annotations

from pathlib import Path

from sigel.cli._inputs import Given, read_given
from sigel.cli._options import READ, TELL, Flag, Inputs, Names, Read, SectionKey, Tell, Write, asks
from sigel.cli._outputs import TABLES, destination_of
from sigel.cli._samples import of_sections, paths_in, samples_at
from sigel.cli._tables import facts
from sigel.cli._talk import say, shows_progress
from sigel.cli._values import settings_in


@asks("tl.disease_genes")
def compare(
    inputs: Inputs = (),  # type: ignore[assignment]
    /,
    *,
    write: Write,
    samples: Path | None = None,
    condition: str = "condition",
    control: str | None = None,
    donor: str | None = None,
    covariates: Names = (),
    paired: Flag = False,
    section_key: SectionKey = None,
    spatial_key: str = "spatial",
    config: str | None = None,
    seed: int = 0,
    device: str = "auto",
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Find genes whose spatial pattern differs between conditions of donors, and those whose level does.

    Writes a table with a row for each gene, the clearest change of pattern first: effect, stat, pval, qval,
    level_effect, level_pval, level_qval, n_sections, n_donors, gained, lost, status. How far to trust the
    p-values, by other labellings of the donors, stands in the JSON output.

    Parameters
    ----------
    inputs
        Sections of like tissue: folders of platforms, .h5ad files or zarr stores, raw counts; or one .h5ad
        file with --section-key. May be left out where --samples has a column path.
    samples
        Table (.csv, else with tabs) of what is known of each section: a column section, the name of the file
        without its ending or of the folder, or path, the file itself, from where the table lies; and columns
        of condition, donor and covariates.
    condition
        A column of the table of samples, else of obs. Text is compared with --control; numbers, where there
        are more than two of them, are a quantity.
    control
        The condition that others are compared with. Default: the first of categories, else of the alphabet.
    donor
        Likewise. Sections of one donor are no repeats: they are averaged. Default: each section is a donor of
        its own.
    covariates
        Likewise: what else donors differ by, as age or batch.
    section_key
        Column of obs that tells the sections of one input apart, or that names the section of each of
        several.
    config
        Settings of the images: a file of JSON, or JSON itself.

    Examples
    --------
    sigel compare a1.h5ad a2.h5ad b1.h5ad b2.h5ad -o changes.tsv --samples samples.csv --donor donor
    sigel compare -o changes.json --samples samples.csv --control healthy --covariates age sex
    sigel compare cohort.h5ad -o changes.tsv --section-key sample --donor donor
    """
    table = samples_at(samples)
    named = paths_in(inputs, table)
    paths = list(inputs) if named is None else list(named.values())
    to = destination_of(write, paths, TABLES)
    settings = settings_in(config)
    if named is None:
        given = read_given(paths, read)
    else:
        given = Given({name: read_given([path], read).joined() for name, path in named.items()})
    names = list(given.sections) if section_key is None else None
    from sigel.tl import disease_genes

    others = {name: of_sections(name, table, names, "covariates") for name in covariates}
    # A mapping may name columns of obs beside values.
    in_table = any(not isinstance(value, str) for value in others.values())
    made = disease_genes(
        given.as_cohort(section_key),
        of_sections(condition, table, names, "condition"),
        control=control,
        donor=None if donor is None else of_sections(donor, table, names, "donor"),
        covariates=(others if in_table else list(covariates)) or None,
        paired=paired,
        section_key=section_key,
        layer=read.layer,
        spatial_key=spatial_key,
        config=settings,
        seed=seed,
        device=device,
        progress=shows_progress(tell),
    )
    to.write_table(made, "gene")
    way = made.attrs["direction"]
    others = {name: value for name, value in made.attrs.items() if name not in ("direction", "first")}
    say([*([way] if way else []), *facts(others)], tell)
