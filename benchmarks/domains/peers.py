"""Packages that find spatial domains, as their authors use them; and this one."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from anndata import AnnData
from scipy import sparse
from scipy.spatial.distance import cdist

from benchmarks.domains.baselines import variable_part
from benchmarks.domains.inputs import Found, Given, at_number, components, is_square
from benchmarks.harness.numerics import library, log_normalised, normalised

BANKSY_LAMBDA, BANKSY_NEIGHBOURS, BANKSY_COMPONENTS = 0.8, 15, 20
# Of SpaGCN's own search and tutorial.
SEARCH_STEPS, SEARCH_EPOCHS, EPOCHS = 11, 10, 200
# Of GraphST's own clustering.
GRAPHST_COMPONENTS = 20


def ours(method: str = "mixture") -> Callable[[Given], Found]:
    """The package itself, at its defaults; every seed is a call of its own.

    Parameters
    ----------
    method
        As `sigel.tl.domains` takes it.
    """

    def prepare(given: Given) -> Found:
        import sigel

        several = given.section.max() > 0

        def found(seed: int) -> np.ndarray:
            adata = given.adata.copy()
            sigel.tl.domains(
                adata,
                given.n_domains,
                method=method,
                genes=given.genes,
                section_key="section" if several else None,
                seed=seed,
                progress=False,
            )
            return adata.obs["sigel_domain"].cat.codes.to_numpy(int)

        return found

    return prepare


def nichepca(neighbours: int) -> Callable[[Given], Found]:
    """NichePCA (Schaub et al. 2025): means over neighbours, components, Harmony, Leiden.

    Parameters
    ----------
    neighbours
        Its authors take 25 for brains, 10 for smaller structures.
    """
    return lambda given: _nichepca(given, neighbours)


def _nichepca(given: Given, neighbours: int) -> Found:
    import nichepca as npc
    import scanpy as sc

    adata = given.part.copy()
    adata.X = sparse.csr_matrix(adata.X, dtype=np.float32)
    several = given.section.max() > 0
    if several:
        adata.obs["section"] = given.section.astype(str)
    sections = {"sample_key": "section"} if several else {}
    n = min(30, min(adata.shape) - 1)
    npc.wf.nichepca(adata, knn=neighbours, n_comps=n, **sections)
    sc.pp.neighbors(adata, use_rep="X_npca")

    def found(seed: int) -> np.ndarray:
        npc.cl.leiden_with_nclusters(adata, given.n_domains, seed=seed, random_state=seed)
        return adata.obs["leiden"].cat.codes.to_numpy(int)

    return found


def banksy(given: Given) -> Found:
    """BANKSY (Singhal et al. 2024) for domains: own and neighbours' expression, its gradient, Leiden.

    Counts normalised, the 2,000 most variable of the genes to use, lambda 0.8, 15 neighbours; several
    sections staggered, as the authors do. Their search for the resolution goes by steps of 0.05; here it is
    bisected.

    Parameters
    ----------
    given
        The tissue.
    """
    import leidenalg
    from banksy.embed_banksy import generate_banksy_matrix
    from banksy.initialize_banksy import initialize_banksy
    from banksy.main import LeidenPartition
    from banksy_utils.umap_pca import pca_umap

    assert given.n_domains is not None
    chosen = variable_part(given)
    adata = given.part[:, chosen].copy()
    adata.X = normalised(adata.X, library(given.adata)).toarray()
    adata.obsm["spatial"] = given.apart()
    adata.obs["x"], adata.obs["y"] = adata.obsm["spatial"].T
    quiet = dict.fromkeys(("plt_edge_hist", "plt_nbr_weights", "plt_agf_angles", "plt_theta"), False)
    decay = "scaled_gaussian"
    made = initialize_banksy(
        adata,
        ("x", "y", "spatial"),
        num_neighbours=BANKSY_NEIGHBOURS,
        nbr_weight_decay=decay,
        max_m=1,
        **quiet,
    )
    made, _ = generate_banksy_matrix(adata, made, [BANKSY_LAMBDA], 1, verbose=False)
    n = min(BANKSY_COMPONENTS, adata.n_obs, 3 * adata.n_vars)
    pca_umap(made, pca_dims=[n], plt_remaining_var=False)
    scores = made[decay][BANKSY_LAMBDA]["adata"].obsm[f"reduced_pc_{n}"]
    graph = LeidenPartition(np.asarray(scores), num_nn=min(50, len(scores) - 1), verbose=False)
    last = 0.6

    def found(seed: int) -> np.ndarray:
        nonlocal last

        def cluster(resolution: float) -> np.ndarray:
            metric = leidenalg.RBConfigurationVertexPartition
            labels, _ = graph.partition(resolution, metric, n_iterations=-1, seed=seed)
            return np.asarray(labels.dense)

        labels, last = at_number(cluster, given.n_domains, last)
        return labels

    return found


def spagcn(given: Given) -> Found:
    """SpaGCN (Hu et al. 2021) by places alone, as SIGEL's paper runs it, its refinement included.

    Neighbours together have half of the spot's own say; Louvain start, resolution searched anew for each seed
    from that of the last, 200 epochs. The package louvain has no build for Python 3.12 and later: the start
    is igraph's. Nothing links spots of different sections.

    Parameters
    ----------
    given
        The tissue.
    """
    import scanpy as sc
    import SpaGCN
    import torch

    sc.tl.louvain = _louvain
    assert given.n_domains is not None
    counts = sparse.csr_matrix(given.part.X)
    named = ~given.part.var_names.str.upper().str.startswith(("ERCC", "MT-"))
    seen = np.asarray((counts > 0).sum(axis=0)).ravel() >= 3
    values = log_normalised(counts, library(given.adata))[:, np.flatnonzero(named & seen)]
    adata = AnnData(values.toarray().astype(np.float32))
    places = given.apart()
    distance = cdist(places, places).astype(np.float32)
    distance[given.section[:, None] != given.section[None]] = np.inf
    length = SpaGCN.search_l(0.5, distance, start=0.01, end=1000, tol=0.01, max_run=100)
    settings = {"num_pcs": min(50, *adata.shape), "init": "louvain", "tol": 5e-3, "lr": 0.05}
    shape = "square" if is_square(places) else "hexagon"
    names = adata.obs_names.tolist()
    last = 0.7

    def train(seed: int, resolution: float, epochs: int) -> np.ndarray:
        random.seed(seed)
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 -- what SpaGCN draws from
        model = SpaGCN.SpaGCN()
        model.set_l(length)
        model.train(adata, distance, res=resolution, max_epochs=epochs, **settings)
        return model.predict()[0]

    def found(seed: int) -> np.ndarray:
        nonlocal last

        def search(resolution: float) -> np.ndarray:
            return train(seed, resolution, SEARCH_EPOCHS)

        _, last = at_number(search, given.n_domains, last, steps=SEARCH_STEPS)
        labels = train(seed, last, EPOCHS)
        return np.asarray(SpaGCN.refine(names, labels, distance, shape), int)

    return found


def _louvain(adata: AnnData, resolution: float) -> None:
    """What `scanpy.tl.louvain` leaves in `obs`: groups of the unweighted graph of neighbours."""
    from igraph import Graph

    first, second = adata.obsp["connectivities"].nonzero()
    once = first < second
    graph = Graph(adata.n_obs, np.column_stack([first[once], second[once]]).tolist())
    adata.obs["louvain"] = graph.community_multilevel(resolution=resolution).membership


def graphst(given: Given) -> Found:
    """GraphST (Long et al. 2023) at its defaults: 600 epochs, 20 components of what it rebuilds, a mixture.

    Its authors cluster with mclust's model of one covariance; here that is scikit-learn's. Every seed trains
    anew. Its own refinement, which they use for DLPFC alone, is left out. It takes one section.

    Parameters
    ----------
    given
        The tissue.

    Raises
    ------
    ValueError
        When there are several sections.
    """
    import torch
    from GraphST.GraphST import GraphST
    from sklearn.mixture import GaussianMixture

    if given.section.max() > 0:
        raise ValueError("GraphST takes one section")

    def found(seed: int) -> np.ndarray:
        adata = AnnData(sparse.csr_matrix(given.part.X, dtype=np.float32), obsm={"spatial": given.places})
        adata.var_names = given.part.var_names
        made = GraphST(adata, device=torch.device("cpu"), random_seed=seed).train()
        scores = components(made.obsm["emb"], GRAPHST_COMPONENTS)
        mixture = GaussianMixture(given.n_domains, covariance_type="tied", random_state=seed)
        return mixture.fit_predict(scores)

    return found
