"""What spatial domains are compared with, without a package of its own: from a tissue to labels of a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from benchmarks.domains.inputs import Found, Given, at_number, components, most_variable
from benchmarks.harness.numerics import zscored

N_COMPONENTS = 20
# Of Seurat's vignettes.
N_VARIABLE, SEURAT_COMPONENTS, SEURAT_NEIGHBOURS, LEAST_SHARED = 2000, 30, 20, 1 / 15


def mixture(window: int = 1, starts: int = 1, *, scaled: bool = False) -> Callable[[Given], Found]:
    """Expression averaged over the nearest spots, principal components, a mixture with one covariance.

    Parameters
    ----------
    window
        Spots of an average; 1: expression as it is.
    starts
        Starts of the mixture, of which the likeliest counts.
    scaled
        Whether every gene gets the same variance.
    """

    def prepare(given: Given) -> Found:
        x = given.values()
        x = (given.means(window) @ x if window > 1 else x).toarray()
        scores = components(zscored(x) if scaled else x, N_COMPONENTS)

        def found(seed: int) -> np.ndarray:
            made = GaussianMixture(given.n_domains, covariance_type="tied", n_init=starts, random_state=seed)
            return made.fit_predict(scores)

        return found

    return prepare


def variable_part(given: Given) -> np.ndarray:
    """Columns of the most variable of the genes to use.

    Parameters
    ----------
    given
        The tissue.
    """
    return most_variable(given.part.X, N_VARIABLE)


def seurat_like(given: Given) -> Found:
    """As Seurat clusters, blind to place: variable genes, scaled, components, shared neighbours, Leiden.

    Parameters
    ----------
    given
        The tissue.
    """
    x = given.values(1e4)[:, variable_part(given)].toarray()
    spread = x.std(axis=0, ddof=1)
    x = np.minimum((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1), 10)
    scores = components(x, SEURAT_COMPONENTS)
    return communities(shared_neighbours(scores), given)


def shared_neighbours(scores: np.ndarray) -> sparse.csr_matrix:
    """Share of neighbours that two spots have in common (Jaccard), where it is not small; each pair once.

    Parameters
    ----------
    scores
        `(n_spots, n_components)`.
    """
    n, k = len(scores), min(SEURAT_NEIGHBOURS, len(scores))
    near = NearestNeighbors(n_neighbors=k).fit(scores).kneighbors(scores, return_distance=False)
    row = np.repeat(np.arange(n), k)
    member = sparse.csr_matrix((np.ones(row.size), (row, near.ravel())), shape=(n, n))
    shared = sparse.triu(member @ member.T, 1).tocoo()
    weight = shared.data / (2 * k - shared.data)
    keep = weight >= LEAST_SHARED
    return sparse.csr_matrix((weight[keep], (shared.row[keep], shared.col[keep])), shape=(n, n))


def communities(weights: sparse.csr_matrix, given: Given) -> Found:
    """Leiden communities of a graph at the wanted number, the resolution searched for each seed.

    Parameters
    ----------
    weights
        Of the edges, each once.
    given
        The tissue.
    """
    import igraph
    import leidenalg

    assert given.n_domains is not None
    edges = weights.tocoo()
    graph = igraph.Graph(
        weights.shape[0], edges=np.column_stack([edges.row, edges.col]).tolist(), edge_attrs={"w": edges.data}
    )
    last = 1.0

    def found(seed: int) -> np.ndarray:
        nonlocal last

        def cluster(resolution: float) -> np.ndarray:
            made = leidenalg.find_partition(
                graph,
                leidenalg.RBConfigurationVertexPartition,
                weights="w",
                resolution_parameter=resolution,
                seed=seed,
            )
            return np.array(made.membership)

        labels, last = at_number(cluster, given.n_domains, last)
        return labels

    return found
