"""Families of genes whose spatial pattern fades by known weights: truth for the order of spatial genes.

After Open Problems' benchmark of spatially variable genes: a smooth mean surface is fitted to a real gene and
mixed with a mean without pattern at weights from 0 to 1; counts are negative binomial with the gene's own
dispersion. A method should score the members of a family in the order of their weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse, stats
from scipy.spatial import cKDTree
from scipy.special import gammaln

from benchmarks.harness.numerics import library
from benchmarks.harness.pixels import moran
from benchmarks.harness.sections import Section, crop, read_plane

Design = Literal["open problems", "library"]

DESIGNS: tuple[Design, ...] = ("open problems", "library")
WEIGHTS = np.linspace(0, 1, 11)
# Sections of every platform at hand.
SECTIONS = [
    "st_mousebrain_hippo1",
    "st_pdac_A",
    "st_breast_layer2_full",
    "st_melanoma",
    "mob_rep11",
    "dlpfc_151510",
    "visium_mouse_embryo_cytassist",
    "slideseqv2_hippocampus_crop",
    "starmap_v1_BY3_1k",
    "osmfish_sscortex",
    "seqfish_mouse_embryo2",
    "cosmx_nsclc_crop",
    "xenium_mousebrain",
]
MOST_SPOTS = 5000
# Widths of the smoother in nearest spots: from a spot and its neighbours to most of a small section.
NEAREST = (6, 12, 25, 50, 100, 200)
DISPERSIONS = np.geomspace(1e-3, 10, 33)
# A gene seen in fewer spots than this share has no surface worth fitting.
LEAST_DETECTED = 0.02
# What the genes outside the families add to the library comes in this many columns without pattern.
N_REST = 20
REST = "rest"


@dataclass(frozen=True)
class Surfaces:
    """Smooth means and dispersions of some real genes of a section.

    Parameters
    ----------
    adata
        Spots x genes of the whole section, raw counts.
    genes
        Names of the genes, `(n_genes,)`.
    rate
        Share of a spot's library, `(n_spots, n_genes)`, smooth.
    mean
        Mean counts whatever the library, `(n_spots, n_genes)`, smooth.
    rate_dispersion, mean_dispersion
        Of the negative binomial around either, `(n_genes,)`.
    library
        Counts of each spot over all genes, `(n_spots,)`.
    """

    adata: AnnData
    genes: np.ndarray
    rate: np.ndarray
    mean: np.ndarray
    rate_dispersion: np.ndarray
    mean_dispersion: np.ndarray
    library: np.ndarray


def compact(name: str, most: int = MOST_SPOTS) -> AnnData:
    """A section of the shared data, at most so many spots about its middle; empty ones left out.

    Parameters
    ----------
    name
        As in `sections.read`.
    most
        Number of spots.
    """
    return crop(read_plane(name), most)


def surfaces(adata: AnnData, n_genes: int = 50) -> Surfaces:
    """Smooth surfaces of the genes with the highest Moran's I, those that Open Problems takes.

    Parameters
    ----------
    adata
        Spots x genes, raw counts; no empty spots.
    n_genes
        How many.
    """
    section = Section.of("section", adata)
    detected = np.diff(section.images.counts.indptr)
    seen = detected >= LEAST_DETECTED * section.images.raster.n_pixels
    score = np.where(seen, moran(section), -np.inf)
    genes = section.images.genes[np.argsort(-score, kind="stable")[: min(n_genes, int(seen.sum()))]]
    counts = adata[:, genes].X.toarray().astype(np.float64)
    size = library(adata)
    places = np.asarray(adata.obsm["spatial"], dtype=np.float64)
    rate = smooth(counts, size, places)
    mean = smooth(counts, np.ones_like(size), places)
    return Surfaces(
        adata=adata,
        genes=genes,
        rate=rate,
        mean=mean,
        rate_dispersion=dispersions(counts, rate * size[:, None]),
        mean_dispersion=dispersions(counts, mean),
        library=size,
    )


def kernel(places: np.ndarray, nearest: int) -> sparse.csr_matrix:
    """Gaussian weights of the nearest spots, each spot itself left out, `(n_spots, n_spots)`.

    Parameters
    ----------
    places
        `(n_spots, 2)`.
    nearest
        Spots within one standard deviation of the kernel.
    """
    n = len(places)
    far = min(4 * nearest, n - 1)
    distance, found = cKDTree(places).query(places, k=far + 1)
    scale = np.maximum(distance[:, [min(nearest, far)]], 1e-12)
    weight = np.exp(-0.5 * (distance / scale) ** 2)
    weight[found == np.arange(n)[:, None]] = 0
    indptr = np.arange(0, weight.size + 1, far + 1)
    return sparse.csr_matrix((weight.ravel(), found.ravel(), indptr), shape=(n, n))


def smooth(counts: np.ndarray, size: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Smooth counts per unit of size, `(n_spots, n_genes)`.

    Ratio of kernel sums. Each gene takes the width with the smallest Poisson deviance of spots left out.

    Parameters
    ----------
    counts
        `(n_spots, n_genes)`.
    size
        `(n_spots,)`.
    places
        `(n_spots, 2)`.
    """
    flat = counts.sum(axis=0) / size.sum()
    best, deviance = np.tile(flat, (len(counts), 1)), np.full(counts.shape[1], np.inf)
    for nearest in (width for width in NEAREST if 2 * width <= len(counts)):
        weight = kernel(places, nearest)
        # One spot's worth of the section's mean keeps every rate above zero.
        over, under, prior = weight @ counts, (weight @ size)[:, None], size.mean()
        expected = (over + prior * flat) / (under + prior) * size[:, None]
        found = (expected - counts * np.log(np.maximum(expected, 1e-300))).sum(axis=0)
        rate = (over + counts + prior * flat) / (under + size[:, None] + prior)
        better = found < deviance
        best[:, better], deviance[better] = rate[:, better], found[better]
    return best


def dispersions(counts: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Dispersions of highest likelihood on a grid, `(n_genes,)`; the variance is mean + phi mean^2.

    Parameters
    ----------
    counts, mean
        `(n_spots, n_genes)`.
    """
    best, most = np.zeros(counts.shape[1]), np.full(counts.shape[1], -np.inf)
    for phi in DISPERSIONS:
        r = 1 / phi
        terms = gammaln(counts + r) - gammaln(r) - (counts + r) * np.log1p(mean * phi)
        likelihood = (terms + counts * np.log(np.maximum(mean * phi, 1e-300))).sum(axis=0)
        better = likelihood > most
        best[better], most[better] = phi, likelihood[better]
    return best


def draw(made: Surfaces, design: Design, rng: np.random.Generator, weights: np.ndarray = WEIGHTS) -> AnnData:
    """Simulated counts of all families on the section's own spots.

    Parameters
    ----------
    made
        Surfaces and dispersions.
    design
        `"open problems"`: mean counts mixed with themselves at shuffled spots; no library, no other genes.
        `"library"`: rates mixed with their mean, times the spots' own library sizes, and columns without
        pattern that make up the rest of the library.
    rng
        Of shuffling and counts.
    weights
        Of the surface, ascending.

    Returns
    -------
    AnnData
        `var["family"]` the gene and `var["weight"]`; the rest has the family `"rest"`. `obsm["surface"]`, one
        column a family, named in `uns["families"]`, and `uns["dispersions"]` of each.
    """
    if design == "library":
        surface, phi, size = made.rate, made.rate_dispersion, made.library[:, None]
        flat = np.broadcast_to(surface.mean(axis=0), surface.shape)
    else:
        surface, phi, size = made.mean, made.mean_dispersion, np.ones((1, 1))
        flat = surface[rng.permutation(len(surface))]
    blocks = []
    for weight in weights:
        mean = (weight * surface + (1 - weight) * flat) * size
        blocks.append(sparse.csr_matrix(rng.poisson(rng.gamma(1 / phi, mean * phi)).astype(np.float32)))
    var = pd.DataFrame(
        {"family": np.tile(made.genes, len(weights)), "weight": np.repeat(weights, len(made.genes))}
    )
    if design == "library":
        share = max(1 - surface.mean(axis=0).sum(), 0.0) / N_REST
        rest = rng.poisson(np.tile(share * size, N_REST)).astype(np.float32)
        blocks.append(sparse.csr_matrix(rest))
        var = pd.concat([var, pd.DataFrame({"family": [REST] * N_REST, "weight": 0.0})], ignore_index=True)
    var.index = [f"{family}@{n}" for n, family in enumerate(var["family"])]
    lattice = [key for key in ("array_row", "array_col") if key in made.adata.obs]
    places = np.asarray(made.adata.obsm["spatial"], dtype=np.float64)
    return AnnData(
        X=sparse.hstack(blocks, format="csr"),
        obs=made.adata.obs[lattice].copy(),
        var=var,
        obsm={"spatial": places, "surface": surface * size},
        uns={"families": np.asarray(made.genes, dtype=str), "dispersions": phi},
    )


def taus(score: np.ndarray, var: pd.DataFrame) -> pd.Series:
    """Kendall's tau-b between weight and score within each family; 0 where all scores are the same.

    Parameters
    ----------
    score
        Higher is more spatial, `(n_genes,)`; what is NaN counts as lowest.
    var
        `family` and `weight`, as `draw` makes them.
    """
    score = np.asarray(score, dtype=np.float64)
    score = np.where(np.isnan(score), -np.inf, score)
    table = var.assign(score=stats.rankdata(score)).loc[lambda t: t["family"] != REST]
    families = table.groupby("family", observed=True)[["weight", "score"]]
    return families.apply(lambda t: stats.kendalltau(t["weight"], t["score"])[0]).fillna(0.0)
