"""Pairs of genes that belong together: the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.runtime.progress import shown
from sigel.tasks.interactions.find import find_interactions
from sigel.tasks.interactions.gene_pairs import Pairs
from sigel.tl._cohort import cohort_of
from sigel.tl._fits import image_config
from sigel.tl._repeatable import repeatable

if TYPE_CHECKING:
    from anndata import AnnData


@repeatable
def gene_interactions(
    sections: Sequence[AnnData | str | Path] | Mapping[str, AnnData | str | Path] | AnnData,
    pairs: Pairs | None = None,
    *,
    genes: Sequence[str] | None = None,
    partners_of: Sequence[str] | str | None = None,
    n: int = 20,
    known: Pairs | None = None,
    section_key: str | None = None,
    layer: str | None = None,
    spatial_key: str = "spatial",
    config: ImageConfig | dict[str, Any] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> pd.DataFrame:
    """Score pairs of genes by how alike their pictures are over sections.

    Parameters
    ----------
    sections
        Sections of like tissue, as in `sigel.tl.disease_genes`; one section is enough. Only read.
    pairs
        Pairs that are asked about, for example of ligand and receptor: a data frame with the columns
        `gene_a` and `gene_b`, or else its first two columns; a list of two names each; or the path of a
        table with a row of column names (`.csv`, else with tabs). Each pair once, whichever gene comes first.
    genes
        Instead: genes all of whose pairs are asked about, for a network of them.
    partners_of
        Instead: a gene, or several, each with all other genes; the `n` most alike of each are returned.
    n
        Partners of each gene of `partners_of`; 20 by default.
    known
        Pairs known to belong together, as `pairs`, perhaps with a column `label`, 0 for pairs that do not. A
        score is learnt from them, `prob`. With nothing else given, they are what is asked about.
    section_key, layer, spatial_key, config, device, progress
        As in `sigel.tl.disease_genes`.
    seed
        Of what is drawn at random.

    Returns
    -------
    pandas.DataFrame
        One row a pair, that of the least p-value first, of partners the most alike:

        - `gene_a`, `gene_b`
        - `similarity`: mean cosine of the two representations over the sections that have both, -1 to 1
        - `null_mean`, `null_sd`: of all pairs of genes alike in level and pattern strength
        - `pval`: the share of these that are at least as similar, the pair itself counted, so never 0
        - `qval`: after Benjamini and Hochberg, of all pairs that were asked about
        - `n_sections`: that have both genes
        - `prob`, with `known`: the probability that the pair belongs together, learnt from pairs of other
          genes; it holds where as many pairs do as among the known ones
        - `status`: `"tested"`, or why not

        `attrs`: `n_tested`; `set_auroc` with `set_low` and `set_high`, the chance that one of the pairs is
        more alike than a pair of genes like its own, and its 95 % interval over genes drawn anew; with
        `known` `auroc` and `average_precision` of the known pairs, each judged without what its genes taught,
        `auroc_level`, what levels and pattern strengths alone reach, `n_known` and `n_positive`.

    Raises
    ------
    InputError
        When sections or pairs cannot be used, a gene of `genes` or `partners_of` is unknown, or fewer than 50
        known pairs of a kind are in the sections.

    Notes
    -----
    Strong genes have clear pictures, which are more alike than those of weak ones: a pair is held against
    pairs of genes of its own kind. Genes are put into bins of about 100 by level, and by the length of their
    representations within; the null of a pair is all pairs of its genes' two bins. A tissue has few places
    that genes can tell apart, so that of thousands of pairs chosen for nothing some are as alike as any:
    `pval` ranks pairs, and `qval` is small only where pairs that are asked about are more alike than what the
    tissue gives to all. Whether they are as a set, `attrs["set_auroc"]` says. One gene against all others
    seldom has a partner with a small `qval`, however alike they are.

    The learnt score is a logistic regression on products, sums and differences of the two representations,
    their similarity, and the genes' levels and pattern strengths, the same whichever gene comes first. Genes
    are dealt to five folds; a pair is judged by a model that was fitted without the genes of either fold.
    Expression says little of interactions (AUROC of 0.5 to 0.6 on genes that were not learnt from, for
    embeddings of any kind; Zhong et al. 2025): look at `auroc` and `auroc_level` before `prob`.

    The paper (Genome Biology 2025, 26:287) names the task; the design is this package's.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> table = sigel.tl.gene_interactions(adata, partners_of="Gene0001", n=5, progress=False)
    >>> len(table)
    5
    """
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
        raise InputError("n", repr(n), "a whole number >= 1", "Use n=20.")
    cohort = cohort_of(sections, section_key, layer, spatial_key, least=1)
    with shown(progress) as report:
        return find_interactions(
            cohort.held,
            pairs=pairs,
            genes=genes,
            partners_of=partners_of,
            n=int(n),
            known=known,
            config=image_config(config, {}),
            seed=seed,
            device=device,
            progress=report,
        )
