"""How much of each gene group comes back when the section is fitted again at other seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from sigel.config import SIGELConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.keys import NO_PATTERN
from sigel.model import SIGEL
from sigel.runtime.progress import STAGES, Progress
from sigel.runtime.seeds import other_seeds
from sigel.stats.partitions import jaccard, stability_table
from sigel.tasks.gene_groups.grouping import PresentGroups, grouped, regroup


def group_stability(
    images: GeneImages,
    config: SIGELConfig,
    group: Sequence[object] | np.ndarray,
    *,
    n_seeds: int = 5,
    seed: int = 0,
    fit_seed: int | None = None,
    made_anew: bool = False,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Fit a section again and compare the groups.

    Parameters
    ----------
    images
        Gene images of the section, made as for the fit.
    config
        Settings of the fit. Where its number of groups was chosen, each fit is regrouped to that of `group`.
    group
        Group of each gene of `images.genes` as text; `""` or no text: none, and left out.
    n_seeds
        Fits; each takes as long as the first did.
    seed
        The seeds are this and the following, without `fit_seed`.
    fit_seed
        Seed of the fit that made `group`.
    made_anew
        Whether `group` was made by `regroup`: then each fit keeps its settings and is regrouped too.
    device, progress
        As in `SIGEL`.

    Returns
    -------
    pandas.DataFrame
        A row for each group: `group`, `n_genes`, `stability` (mean over fits of the Jaccard index with the
        group of the fit that is most like it, 0 to 1) and `lowest` (its minimum). `attrs`: `ari` (mean
        adjusted Rand index of all genes), `ari_by_seed`, `seeds`.

    Raises
    ------
    InputError
        When no gene has a group, or a number is out of range.

    Notes
    -----
    The stability of a group A of genes is the mean over fits of the largest `|A and B| / |A or B|` over the
    groups B of a fit: clusterwise stability after Hennig 2007 (Computational Statistics and Data Analysis
    52:258), with new seeds in place of resampled genes. Below 0.5 a group is dissolved, from about 0.75 it is
    there in each fit. Adjusted Rand index: Hubert and Arabie 1985.
    """
    from sklearn.metrics import adjusted_rand_score

    seeds = other_seeds(n_seeds, seed, fit_seed)
    kept, labels, code = grouped(np.zeros((len(images.genes), 1)), group)
    if not len(kept):
        fix = "Use the layer and the coordinates of the fit."
        raise InputError("genes", "no gene that has an image and a group", "genes with groups", fix)
    # A number that was chosen is given again.
    along_path = made_anew or config.n_groups == "auto"

    best, rand = [], []
    for step, one in enumerate(seeds):
        model = SIGEL(config, seed=one, device=device)
        model.fit(images, progress=_within(progress, step, len(seeds)))
        again = model.group_labels
        if along_path:
            n_groups = max(1, sum(label != NO_PATTERN for label in labels))
            again = regroup(
                model.representations,
                model.config,
                n_groups=n_groups,
                present=PresentGroups(model.group_labels, model.posterior, list(model.group_names)),
                seed=one,
                device=device,
            ).group
        again = np.unique(np.asarray(again)[kept].astype(str), return_inverse=True)[1]
        best.append(jaccard(code, again).max(axis=1))
        rand.append(float(adjusted_rand_score(code, again)))
    if progress is not None:
        progress("stability", len(seeds), len(seeds), "")
    overlap = np.stack(best)  # (n_seeds, n_groups)
    return stability_table("group", labels, np.bincount(code), overlap, rand, seeds, size_column="n_genes")


def _within(progress: Progress | None, step: int, n: int) -> Progress | None:
    """One bar over all fits, with the stage of the present one as its text."""
    if progress is None:
        return None

    def report(stage: str, now: int, total: int, text: str) -> None:
        said = f"fit {step + 1}: {STAGES.get(stage, stage)} {now} of {total} {text}"
        progress("stability", step, n, said.rstrip())

    return report
