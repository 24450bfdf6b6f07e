"""`sigel domains`."""

from __future__ import annotations

from typing import Literal

from sigel.cli._inputs import read_given
from sigel.cli._options import READ, TELL, Flag, Inputs, Names, Read, Tell, Write, asks
from sigel.cli._outputs import TABLES, destination_of
from sigel.cli._talk import shows_progress
from sigel.cli._values import names_in, settings_in
from sigel.keys import Keys


@asks("tl.domains")
def domains(
    inputs: Inputs,
    /,
    *,
    write: Write,
    n_domains: int | None = None,
    method: Literal["mixture", "leiden", "mclust", "spagcn"] = "mixture",
    model_name: str = "EEE",
    genes: Names = (),
    refine: Flag = False,
    spatial_key: str | None = None,
    section_key: str | None = None,
    key: str = "sigel",
    key_added: str | None = None,
    config: str | None = None,
    seed: int = 0,
    device: str = "auto",
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Find the domains of a tissue.

    Writes an .h5ad file with obs["sigel_domain"] and obs["sigel_domain_prob"], or a table of them with a row
    for each spot. Several inputs share their domains.

    Parameters
    ----------
    inputs
        Folders of platforms, .h5ad files or zarr stores, raw counts; sigel embed need not have run.
    method
        mixture (default): Gaussian mixtures with one covariance, in which neighbours have a say; those of
        many windows, numbers of components and starts that agree with the others vote. leiden: communities,
        at the resolution that gives the number. mclust: R's package. spagcn: the method of the paper, for one
        section. What the others than mixture need, sigel doctor says.
    genes
        Genes to describe spots by; @FILE: those in a file, a name a line. Default: all that every section has
        counts of.
    section_key
        Column of obs that tells several sections of one input apart: one model for all, windows within each.
        Default: that of the fit under --key; of several inputs: sample.
    config
        Further settings: a file of JSON, or JSON itself, such as {"starts": 4}.

    Examples
    --------
    sigel domains outs -o domains.h5ad --n-domains 7
    sigel domains section.h5ad -o domains.tsv
    sigel domains first.h5ad second.h5ad -o both.h5ad --n-domains 7
    """
    to = destination_of(write, inputs, [".h5ad", *TABLES])
    asked, settings = names_in(genes, "genes"), settings_in(config)
    given = read_given(inputs, read, images=to.is_object)
    adata = given.joined()
    from sigel.tl import domains

    domains(
        adata,
        n_domains,
        method=method,
        model_name=model_name,
        genes=asked,
        refine=refine,
        layer=read.layer,
        spatial_key=spatial_key,
        section_key=given.section_key(section_key),
        key=key,
        key_added=key_added,
        config=settings,
        seed=seed,
        device=device,
        progress=shows_progress(tell),
    )
    if to.is_object:
        to.write_object(adata)
        return
    keys = Keys(key if key_added is None else key_added)
    table = adata.obs[[keys.domain, keys.domain_prob]].set_axis(["domain", "prob"], axis=1)
    sections = given.section_key(section_key)
    if sections is not None:
        table.insert(0, "section", adata.obs[sections])
    to.write_table(table, "spot")
