"""Pairs of genes that belong together, from the counts of sections to the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from sigel.config import ImageConfig
from sigel.errors import InputError, warn
from sigel.images import GeneImages
from sigel.model.section_model import section_model
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import stream
from sigel.stats.q_values import q_values
from sigel.tasks.cohorts.find import Sections, seen_by_sections
from sigel.tasks.interactions.gene_pairs import NAMES, Pairs, pairs_among, pairs_of, pairs_with
from sigel.tasks.interactions.known_pairs import Learnt, Lesson, learn_from_pairs, lesson_of
from sigel.tasks.interactions.similar_pairs import GeneVectors, compared_pairs

TESTED, SAME, NOT_TOGETHER = "tested", "one gene", "in no section together"
# A model that is no better than this among pairs whose genes it has not seen has learnt nothing.
LEAST_AUROC = 0.52
N_RESAMPLED = 200


def find_interactions(
    sections: Sections,
    *,
    pairs: Pairs | None,
    genes: Sequence[str] | str | None,
    partners_of: Sequence[str] | str | None,
    n: int,
    known: Pairs | None,
    config: ImageConfig,
    seed: int,
    device: str | torch.device,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Score pairs of genes; see `sigel.tl.gene_interactions`.

    Parameters
    ----------
    sections
        Counts and places.
    pairs, genes, partners_of, n, known, seed, device, progress
        As in `sigel.tl.gene_interactions`.
    config
        Settings of the images.

    Returns
    -------
    pandas.DataFrame
        As `sigel.tl.gene_interactions`, with its `attrs`.
    """
    names = sections.genes
    taught = None if known is None else pairs_of(known, "known")
    asked = _asked(pairs, genes, partners_of, taught, names)
    images = images_of_sections(sections, config)
    at, rng = pd.Index(names), stream(seed, "known pairs")
    lesson = _lesson(taught, at, images.kept, rng)
    vectors = vectors_of(sections, images, seed, device, progress)
    first, second = (at.get_indexer(asked[name]) for name in NAMES)
    found = compared_pairs(vectors, first, second, stream(seed, "gene pairs"), progress)
    table = asked[list(NAMES)].assign(**found._asdict())
    table.insert(table.columns.get_loc("pval") + 1, "qval", q_values(found.pval))
    learnt = _learnt(vectors, lesson, (first, second), rng)
    if learnt is not None:
        table["prob"] = learnt.prob
    table["status"] = _status(asked, (first, second), vectors, found.similarity)
    table = _ordered(table, None if partners_of is None else n)
    table.attrs = {
        "seed": seed,
        **_as_a_set(found.pval, (first, second), stream(seed, "gene weights"))._asdict(),
    }
    if learnt is not None:
        table.attrs |= {name: value for name, value in learnt._asdict().items() if name != "prob"}
    return table


class AsASet(NamedTuple):
    """Pairs taken together.

    Parameters
    ----------
    n_tested
        Pairs with a p-value.
    set_auroc
        The chance that one of them is more alike than a pair of genes like its own; 0.5 by chance.
    set_low, set_high
        95 % interval of that, over genes drawn anew.
    """

    n_tested: int
    set_auroc: float
    set_low: float
    set_high: float


def _as_a_set(pval: np.ndarray, places: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> AsASet:
    """Weights of genes are exponential (the Bayesian bootstrap of Rubin 1981), of a pair their product."""
    told = np.isfinite(pval)
    if not told.any():
        return AsASet(0, np.nan, np.nan, np.nan)
    weight = rng.standard_exponential((N_RESAMPLED, int(max(one[told].max() for one in places)) + 1))
    more = 1.0 - pval[told]
    drawn = [np.average(more, weights=own[places[0][told]] * own[places[1][told]]) for own in weight]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return AsASet(int(told.sum()), float(more.mean()), float(low), float(high))


def images_of_sections(sections: Sections, config: ImageConfig) -> GeneImages:
    """Images of genes in all sections.

    Parameters
    ----------
    sections
        Counts and places.
    config
        Settings of the images.
    """
    return GeneImages.from_sections(
        ((name, section.in_memory()) for name, section in sections.named()), config
    )


def vectors_of(
    sections: Sections,
    images: GeneImages,
    seed: int,
    device: str | torch.device,
    progress: Progress | None = None,
) -> GeneVectors:
    """Representations of genes in each section, and their levels.

    Parameters
    ----------
    sections
        Counts and places.
    images
        From `images_of_sections`.
    seed, device, progress
        As in `sigel.tl.gene_interactions`.
    """
    totals = sections.totals()
    model = section_model(images, seed=seed, device=device, progress=progress)
    share = totals / np.maximum(np.nansum(totals, axis=1, keepdims=True), 1)
    measured = np.maximum(np.isfinite(share).sum(axis=0), 1)
    level = np.log(np.nansum(share, axis=0) / measured + 1e-9)
    return GeneVectors.of_sections(seen_by_sections(model, images), level)


def _asked(
    pairs: Pairs | None,
    genes: Sequence[str] | str | None,
    partners_of: Sequence[str] | str | None,
    taught: pd.DataFrame | None,
    names: np.ndarray,
) -> pd.DataFrame:
    given = {"pairs": pairs, "genes": genes, "partners_of": partners_of}
    several = [name for name, one in given.items() if one is not None]
    if len(several) > 1:
        found, fix = f"`{several[0]}` as well", f"Leave out one: {several[1]}=None."
        raise InputError(several[1], found, "one of `pairs`, `genes` and `partners_of`", fix)
    if pairs is not None:
        return pairs_of(pairs, "pairs")
    if genes is not None:
        return pairs_among(genes, names)
    if partners_of is not None:
        return pairs_with(partners_of, names)
    if taught is not None:
        return taught
    fix = 'Name pairs, or genes whose pairs are asked about, for example partners_of="Mbp".'
    raise InputError("pairs", "nothing", "one of `pairs`, `genes`, `partners_of` and `known`", fix)


def _lesson(
    taught: pd.DataFrame | None, at: pd.Index, seen: np.ndarray, rng: np.random.Generator
) -> Lesson | None:
    """Pairs to learn from; too few are refused before the work."""
    if taught is None:
        return None
    known = at.get_indexer(taught["gene_a"]), at.get_indexer(taught["gene_b"])
    return lesson_of(known, taught["label"].to_numpy() if "label" in taught else None, seen, rng)


def _learnt(
    vectors: GeneVectors,
    lesson: Lesson | None,
    asked: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> Learnt | None:
    if lesson is None:
        return None
    learnt = learn_from_pairs(vectors, lesson, asked, rng)
    if learnt.auroc < LEAST_AUROC:
        warn(
            f"The known pairs cannot be told from others by where their genes lie: AUROC {learnt.auroc:.3f} "
            "among pairs of genes that were not learnt from, 0.5 by chance. Do not rely on `prob`."
        )
    return learnt


def _status(
    asked: pd.DataFrame, places: tuple[np.ndarray, np.ndarray], vectors: GeneVectors, similarity: np.ndarray
) -> np.ndarray:
    """Why a pair has no similarity, in words."""
    status = np.where(np.isfinite(similarity), TESTED, NOT_TOGETHER).astype(object)
    status[asked["gene_a"].to_numpy() == asked["gene_b"].to_numpy()] = SAME
    for name, place in zip(reversed(NAMES), reversed(places), strict=True):
        gene = asked[name].to_numpy(dtype=object)
        dull = (place >= 0) & ~vectors.known[place]
        status[dull] = gene[dull] + " is seen too rarely"
        status[place < 0] = gene[place < 0] + " is not in the sections"
    return status


def _ordered(table: pd.DataFrame, n: int | None) -> pd.DataFrame:
    """Pairs of least p first; of partners the `n` most alike of each gene, genes as they were named."""
    alike = -table["similarity"].fillna(-2)
    if n is None:
        return table.iloc[np.lexsort((alike, table["pval"].fillna(2)))].reset_index(drop=True)
    order = pd.factorize(table["gene_a"])[0]
    table = table.iloc[np.lexsort((alike, order))]
    return table.groupby("gene_a", sort=False).head(n).reset_index(drop=True)
