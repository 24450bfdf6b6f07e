"""Domains that are known: counts of a real section dealt out to its own places within planted borders.

Counts are split in two halves. Spots are put into classes by one half, spot by spot, so that no window has
made the classes; the other half is dealt out: a place in a planted domain gets the counts of a random spot
of the domain's class, or, for one in ten, of any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import anndata
import numpy as np
from scipy import sparse
from sklearn.cluster import KMeans

from benchmarks.domains.inputs import Given, components, spacing
from benchmarks.domains.tissues import Labelled
from benchmarks.harness.job import Job
from benchmarks.harness.sections import read, there
from sigel.stats.thinning import thinned_halves

SOURCES = ("dlpfc_151674", "st_mousebrain_hippo1", "st_breast_layer2_full", "starmap_v1_BY3_1k")
N_DOMAINS = 5
PURITY = 0.9
# Counts that are left of the half that is dealt.
DEPTHS = (1.0, 0.25)

# From places within the unit square, (n_spots, 2), to the domain of each, from 0.
Shape = Callable[[np.ndarray], np.ndarray]


def _layers(at: np.ndarray) -> np.ndarray:
    """Bent layers, the second a quarter as thick as the others."""
    depth = at[:, 0] + 0.08 * np.sin(2 * np.pi * at[:, 1])
    edges = np.cumsum([0.24, 0.06, 0.24, 0.23])
    return np.searchsorted(edges, depth)


def _nuclei(at: np.ndarray) -> np.ndarray:
    """Round nuclei of several sizes in one large domain."""
    label = np.zeros(len(at), int)
    middles = np.array([[0.25, 0.25], [0.75, 0.3], [0.3, 0.75], [0.72, 0.75]])
    for k, (middle, radius) in enumerate(zip(middles, (0.2, 0.16, 0.12, 0.09), strict=True), 1):
        label[np.linalg.norm(at - middle, axis=1) < radius] = k
    return label


def _rings(at: np.ndarray) -> np.ndarray:
    """A nucleus within rings."""
    return np.searchsorted([0.12, 0.22, 0.32, 0.45], np.linalg.norm(at - 0.5, axis=1))


def _mosaic(at: np.ndarray) -> np.ndarray:
    """Domains that come back at many places."""
    cell = np.floor(at * 6).astype(int)
    return (2 * cell[:, 0] + 3 * cell[:, 1] + cell[:, 0] * cell[:, 1]) % N_DOMAINS


SHAPES: dict[str, Shape] = {"layers": _layers, "nuclei": _nuclei, "rings": _rings, "mosaic": _mosaic}


def dealt_sections(job: Job) -> Iterator[Labelled]:
    """Every source in two of the shapes, at full depth and at a quarter.

    Parameters
    ----------
    job
        The call.
    """
    for n, name in enumerate(SOURCES):
        if not there(name):
            continue
        source = read(name)
        for at, depth in enumerate(DEPTHS):
            yield dealt(source, name, list(SHAPES)[(n + at) % len(SHAPES)], depth, job.seed)


def dealt(source: anndata.AnnData, name: str, shape: str, depth: float, seed: int) -> Labelled:
    """One section with planted domains.

    Parameters
    ----------
    source
        Spots x genes, raw counts.
    name
        Of the source.
    shape
        Key of `SHAPES`.
    depth
        Share of the counts that is left.
    seed
        Of halves, classes and draws.
    """
    rng = np.random.default_rng([seed, *name.encode(), *shape.encode()])
    counts = sparse.csr_matrix(source.X)
    one, other = thinned_halves(counts, rng)
    kind = classes(source, one, rng)
    places = np.asarray(source.obsm["spatial"], dtype=float)[:, :2]
    domain = SHAPES[shape](_in_unit_square(places))
    domain = np.unique(domain, return_inverse=True)[1]
    pure = rng.random(len(domain)) < PURITY
    other_class = (domain + rng.integers(1, N_DOMAINS, size=len(domain))) % N_DOMAINS
    wanted = np.where(pure, domain, other_class)
    members = [np.flatnonzero(kind == k) for k in range(N_DOMAINS)]
    drawn = np.array([rng.choice(members[k]) for k in wanted])
    dealt_counts = other[drawn]
    if depth < 1:
        dealt_counts.data = rng.binomial(dealt_counts.data.astype(int), depth).astype(float)
        dealt_counts.eliminate_zeros()
    seen = np.asarray(dealt_counts.sum(axis=1)).ravel() > 0
    obs = source.obs[[key for key in ("array_row", "array_col") if key in source.obs]].copy()
    made = anndata.AnnData(dealt_counts, obs=obs, var=source.var[[]], obsm={"spatial": places})[seen].copy()
    title = f"{name}, {shape}" + (f", {depth:.0%} of counts" if depth < 1 else "")
    return Labelled(title, made, domain[seen].astype(str), name)


def classes(source: anndata.AnnData, counts: sparse.csr_matrix, rng: np.random.Generator) -> np.ndarray:
    """Class of each spot by its own counts, places unheard, `(n_spots,)`.

    Parameters
    ----------
    source
        Whose spots they are.
    counts
        One half.
    rng
        Of the start.
    """
    given = Given(anndata.AnnData(counts, var=source.var[[]]), None)
    scores = components(given.values().toarray(), 20)
    start = int(rng.integers(2**31))
    return KMeans(N_DOMAINS, n_init=10, random_state=start).fit_predict(scores)


def _in_unit_square(places: np.ndarray) -> np.ndarray:
    low, high = np.quantile(places, [0.01, 0.99], axis=0)
    return (places - low) / np.maximum(high - low, spacing(places))
