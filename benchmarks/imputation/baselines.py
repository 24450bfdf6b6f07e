"""What imputation is compared with and needs no other package: each from a fold to cells x genes held out."""

from __future__ import annotations

import numpy as np
from anndata import AnnData
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import NearestNeighbors

from benchmarks.harness.numerics import mean_of_nearest, zscored
from benchmarks.imputation.folds import Fold, Predicted, nearest_reference

# Spots averaged where the images are smoothed: a spot and its ring on a hexagonal lattice.
RING = 7


def mean_image(fold: Fold) -> Predicted:
    """The mean of the panel in each cell, the same for every gene.

    Parameters
    ----------
    fold
        The fold.
    """
    mean = fold.measured.mean(axis=1, keepdims=True)
    return Predicted(np.repeat(mean, len(fold.held), axis=1))


def _features(fold: Fold, ring: int) -> tuple[np.ndarray, np.ndarray]:
    """Z-scored panel of the spots of all references, each section by itself, and of the cells."""

    def averaged(side: AnnData, x: np.ndarray) -> np.ndarray:
        # A spot alone needs no places: dissociated cells have none.
        return zscored(x if ring == 1 else mean_of_nearest(side.obsm["spatial"], ring) @ x)

    known = [
        averaged(reference, x) for reference, x in zip(fold.references, fold.known(fold.panel), strict=True)
    ]
    return np.concatenate(known), averaged(fold.target, fold.measured)


def spot_neighbours(fold: Fold) -> Predicted:
    """Mean of the 50 spots most like the cell in the panel, by cosine of z-scores.

    Parameters
    ----------
    fold
        The fold.
    """
    weights = nearest_reference(*_features(fold, 1))
    return Predicted(weights @ np.concatenate(fold.known(fold.held)))


def smoothed_neighbours(fold: Fold) -> Predicted:
    """The same where the panel is first averaged over seven spots and seven cells.

    Parameters
    ----------
    fold
        The fold.
    """
    weights = nearest_reference(*_features(fold, RING))
    return Predicted(weights @ np.concatenate(fold.known(fold.held)))


def image_neighbours(fold: Fold, n: int = 10) -> Predicted:
    """Mean of the n panel genes whose images in the reference are most like that of the gene, by correlation.

    Images of the reference are averaged over seven spots; those of the target are z-scored as they are,
    weighted by the correlation, and given the mean and spread that the gene has in the reference.

    Parameters
    ----------
    fold
        The fold.
    n
        How many.
    """
    held = fold.known(fold.held)
    likeness = np.zeros((len(fold.panel), len(fold.held)))
    for reference, x, y in zip(fold.references, fold.known(fold.panel), held, strict=True):
        near = mean_of_nearest(reference.obsm["spatial"], RING)
        likeness += zscored(near @ x).T @ zscored(near @ y) / len(x) / len(fold.references)
    least = np.sort(likeness, axis=0)[-min(n, len(likeness))]
    weights = np.where(likeness >= least, np.maximum(likeness, 0), 0)
    weights /= np.maximum(weights.sum(axis=0), 1e-12)
    level = np.concatenate(held)
    return Predicted(
        np.maximum(level.mean(axis=0) + level.std(axis=0) * (zscored(fold.measured) @ weights), 0)
    )


def ridge_on_components(fold: Fold, n: int = 30) -> Predicted:
    """Ridge regression on the principal components of the panel, averaged over seven spots and cells.

    Parameters
    ----------
    fold
        The fold.
    n
        Number of components, those of the reference.
    """
    known, measured = _features(fold, RING)
    components = PCA(min(n, *known.shape), svd_solver="full").fit(known)
    ridge = RidgeCV(np.logspace(0, 5, 11)).fit(
        components.transform(known), np.concatenate(fold.known(fold.held))
    )
    return Predicted(ridge.predict(components.transform(measured)))


def principal_vectors(source: np.ndarray, target: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the source closest to those of the target, and the cosines of their angles.

    Parameters
    ----------
    source, target
        `(n_spots, n_genes)` and `(n_cells, n_genes)`, centred.
    n
        Number of components of each.

    Returns
    -------
    vectors : numpy.ndarray
        `(n, n_genes)`, orthonormal rows.
    cosines : numpy.ndarray
        `(n,)`, falling.
    """
    n = min(n, *source.shape, *target.shape)
    p, q = (PCA(n, svd_solver="full").fit(x).components_ for x in (source, target))
    left, cosines, _ = np.linalg.svd(p @ q.T)
    return left.T @ p, cosines


def spage(fold: Fold, n: int = 50, least: float = 0.3) -> Predicted:
    """As SpaGE does: principal vectors shared by both (PRECISE), then the 50 nearest spots, nearer ones more.

    Abdelaal et al., Nucleic Acids Research 48:e107 (2020); Mourragui et al., Bioinformatics 35:i510 (2019).
    Written from their description; z-scores on both sides, principal vectors with a cosine above 0.3,
    neighbours by cosine distance, those beyond 1 left out, weights that fall with the share of the distance.

    Parameters
    ----------
    fold
        The fold.
    n
        Components, and neighbours.
    least
        Cosine that a principal vector must exceed.
    """
    known, measured = _features(fold, 1)
    vectors, cosines = principal_vectors(known, measured, n)
    vectors = vectors[: max(1, int((cosines > least).sum()))]
    y = np.concatenate(fold.known(fold.held))
    search = NearestNeighbors(n_neighbors=min(n, len(known)), metric="cosine").fit(known @ vectors.T)
    distance, near = search.kneighbors(measured @ vectors.T)
    inside = distance < 1
    share = np.where(inside, distance, 0)
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    weights = np.where(inside, 1 - share, 0)
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    # Neighbour by neighbour: cells x neighbours x genes would not fit.
    total = np.zeros((len(measured), y.shape[1]))
    for k in range(near.shape[1]):
        total += weights[:, k, None] * y[near[:, k]]
    return Predicted(total)
