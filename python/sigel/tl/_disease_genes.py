"""Genes whose pattern changes between conditions: the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from sigel.config import ImageConfig
from sigel.errors import warn
from sigel.runtime.progress import shown
from sigel.tasks.cohorts.find import find_changed_genes
from sigel.tl._cohort import Labels, cohort_of
from sigel.tl._fits import image_config
from sigel.tl._repeatable import repeatable

if TYPE_CHECKING:
    from anndata import AnnData


@repeatable
def disease_genes(
    sections: Sequence[AnnData | str | Path] | Mapping[str, AnnData | str | Path] | AnnData,
    condition: Labels,
    *,
    control: str | None = None,
    donor: Labels | None = None,
    covariates: object = None,
    paired: bool = False,
    section_key: str | None = None,
    layer: str | None = None,
    spatial_key: str = "spatial",
    config: ImageConfig | dict[str, Any] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> pd.DataFrame:
    """Find genes whose spatial pattern differs between conditions of donors, and those whose level does.

    Parameters
    ----------
    sections
        Sections of like tissue, spots x genes, raw counts: a list of AnnData or of paths of `.h5ad` files, a
        mapping of names to these, or one AnnData with `section_key`; only read. They may differ in size,
        orientation, depth, platform and genes; nothing is registered. Spots beside the tissue, where
        `obs["in_tissue"]` is 0, take no part.
    condition
        Of each section: a column of `obs`, values in the order of the sections, or by their names. Text or
        categories, compared with `control`; numbers, where there are more than two of them, are a quantity.
    control
        The condition that others are compared with. Default: the first of categories, else of the alphabet,
        and then a warning says which that is, where progress is shown.
    donor
        Of each section, likewise. Sections of one donor are no repeats: they are averaged. Default: each
        section is a donor of its own.
    covariates
        What else donors differ by, as age or batch: columns of `obs`, or a mapping of names to values of the
        sections.
    paired
        Whether donors are in several conditions, each compared with itself. Default False.
    section_key
        Column of `obs` that tells the sections of one AnnData apart, in which a gene without a count in a
        section is taken as not measured there; or that names the section of each of a list.
    layer, spatial_key
        As in `sigel.tl.embed`.
    config
        Settings of the images, an `ImageConfig` or a dict of some.
    seed
        Of what is drawn at random.
    device
        Where representations are made.
    progress
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row a gene, the clearest change of pattern first:

        - `effect`: length of the change of the representation; 1 is the usual distance of two genes
        - `stat`, `pval`, `qval`: moderated F of the change of pattern, its p-value, and that after Benjamini
          and Hochberg
        - `level_effect`, `level_pval`, `level_qval`: change of the level, log2 (of several conditions that of
          the last), apart from the pattern
        - `n_sections`, `n_donors`: that the row rests on
        - `gained`, `lost`: genes among the 20 with the most similar patterns in the last condition only, and
          in the first only, the nearest first
        - `status`: `"tested"`, or why not
        - `kept_pval`, `kept_qval`: where there is one section of each of two conditions: small where the gene
          lies where it did, more nearly than random pictures of its own spatial spectrum would

        `attrs`: `calibration` (columns of a table: `ks`, the distance of the p-values from uniform ones,
        `share_below_05` and `n_called` at q 0.05, of the labels as given and of others, which should find
        nothing), `n_labellings`, `least_pval` (the least p-value that a permutation of the labels could
        reach), `inflation` (what the statistics were divided by), `levels` (conditions, the control first),
        `direction` ("effects are case against control"), `map` (columns of a table:
        `gene`, and where it lies in the first condition and in the last, for `sigel.pl.gene_changes`).

    Raises
    ------
    InputError
        When sections or an argument cannot be used, a donor is in two conditions without `paired`, or the
        condition follows from covariates.

    Notes
    -----
    All sections have one space of representations, in which each says where it sees a gene: among which
    other genes. A section that is turned, cropped or larger says the same. The donor d is the unit: z_gd is
    the mean over its sections, and a linear model of condition and covariates explains it::

        z_gd = B_g x_d + e_gd

    A gene that is seen less often has a noisier picture, so that counts are first thinned at random until
    each gene is as frequent in one condition as in the other: neither its level nor the depth is taken for a
    pattern. Spaces of sections are laid over one another by the genes that stay where they are. Eight
    directions are tested, those in which genes differ most for what donors of one condition differ. With four
    donors against four, permutations reach no p-value below 2 / 70: the test is an F test whose variances
    genes lend one another (Smyth 2004), divided by what most genes show (an empirical null; Efron 2004), and
    other labellings of the donors check it, in `attrs["calibration"]`. Where more than half of the genes
    change, that is taken for how donors differ.

    With one donor for each condition nothing tells a change from a difference of donors: effects are
    returned, and p-values are NaN. With one section each, surrogates tell which genes kept their place: 20 of
    each section's picture, of its power spectrum and with random phases (Theiler et al. 1992), are read as
    the picture is, and `kept_pval` is the chance that one of them lies as near to where the other section has
    the gene. A gene with a strong pattern and a large `kept_pval` has moved, or never had a place that two
    sections share; which of the two, one section each cannot say.

    Examples
    --------
    >>> import sigel
    >>> sections = sigel.datasets.simulated_cohort((2, 2), n_rows=18, n_cols=18, n_programmes=4)
    >>> table = sigel.tl.disease_genes(sections, "condition", donor="donor", progress=False)
    >>> set(sections[0].var.loc[table.index[:10], "change"])
    {'pattern'}
    """
    cohort = cohort_of(sections, section_key, layer, spatial_key)
    of_condition = cohort.of_sections(condition, "condition")
    of_donor = None if donor is None else cohort.of_sections(donor, "donor")
    with shown(progress) as report:
        table = find_changed_genes(
            cohort.held,
            of_condition,
            of_donor,
            cohort.covariates(covariates),
            paired=paired,
            control=control,
            config=image_config(config, {}),
            seed=seed,
            device=device,
            progress=report,
        )
    if progress and (why := table.attrs["first"]):
        first, direction = table.attrs["levels"][0], table.attrs["direction"]
        warn(f"The control is {first!r}, {why}: {direction}. control= names another.")
    return table
