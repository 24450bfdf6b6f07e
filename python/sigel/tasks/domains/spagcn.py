"""Domains by the package SpaGCN, as it was published, for comparison on sections of moderate size."""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from sigel.errors import InputError, number_of, warn
from sigel.runtime.memory import available_memory
from sigel.runtime.requires import requires
from sigel.runtime.seeds import random_state
from sigel.tasks.domains.inputs import Described

MOST_SPOTS = 20_000
# Components that SpaGCN makes of the genes; its search for a resolution takes no other number.
N_COMPONENTS = 50
# Of the paper and its tutorial: share of the neighbours in a spot's expression, learning rate, tolerance.
SHARE, RATE, TOLERANCE, SEARCH_EPOCHS, EPOCHS = 0.5, 0.05, 5e-3, 20, 200
# Matrices of spots x spots, in float32, that exist at a time.
MATRICES = 5


def spagcn(described: Described, n_domains: int, seed: int) -> np.ndarray:
    """Domains by SpaGCN from the genes used and the places, without an image of the tissue.

    Parameters
    ----------
    described
        The spots; their log-normalised genes and places are used, the features are not.
    n_domains
        How many; where its search finds no resolution for it, what it finds, with a warning.
    seed
        Of its three global generators, which are as they were afterwards.

    Returns
    -------
    numpy.ndarray
        Domain of each spot, from 0, `(n_spots,)`, after SpaGCN's own refinement.

    Raises
    ------
    InputError
        When SpaGCN or what it needs is missing, there are several sections, fewer than 50 spots, more than
        20,000, or more than memory has room for.

    Notes
    -----
    Hu et al. 2021 (Nature Methods 18:1342). Steps and settings of its tutorial and of SIGEL's paper. It
    makes dense matrices of spots x spots.
    """
    places = _checked(described)
    package = _library()
    genes = described.values.toarray()
    # Columns of zeros where there are fewer genes than components: components of variance 0.
    genes = np.pad(genes, [(0, 0), (0, max(N_COMPONENTS - genes.shape[1], 0))])
    with _as_it_was(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        label = _as_in_the_tutorial(package, genes, places, n_domains, random_state(seed, "domains"))
    label = np.unique(label, return_inverse=True)[1]
    n_made = int(label.max()) + 1
    if n_made != n_domains:
        warn(
            f"SpaGCN made {n_made} domains, not {n_domains}: its search found no resolution for that number. "
            'method="mixture" gives every number.'
        )
    return label


def _as_in_the_tutorial(
    package: Any, genes: np.ndarray, places: np.ndarray, n_domains: int, seed: int
) -> np.ndarray:
    """A length, a resolution, a network and a refinement: the steps of the tutorial, `(n_spots,)`."""
    distance = cdist(places, places).astype(np.float32)
    data = SimpleNamespace(X=genes, shape=genes.shape)  # all that it takes from an AnnData
    training: dict[str, Any] = {"tol": TOLERANCE, "lr": RATE}
    length = package.search_l(SHARE, distance, start=0.01, end=1000, tol=0.01, max_run=100)
    resolution = package.search_res(
        data,
        distance,
        length,
        n_domains,
        start=0.7,
        step=0.1,
        max_epochs=SEARCH_EPOCHS,
        **training,
        **dict.fromkeys(("r_seed", "t_seed", "n_seed"), seed),
    )
    _sow(seed)
    model = package.SpaGCN()
    model.set_l(length)
    model.train(data, distance, init_spa=True, init="louvain", res=resolution, max_epochs=EPOCHS, **training)
    label = np.asarray(model.predict()[0])
    names = list(range(len(label)))
    return np.asarray(package.refine(names, label.tolist(), distance, shape=lattice_shape(places)))


def lattice_shape(places: np.ndarray) -> str:
    """`"square"` where most spots have four neighbours at the least distance, else `"hexagon"`.

    Parameters
    ----------
    places
        `(n_spots, n_dims)`, more than 8 spots.

    Examples
    --------
    >>> import numpy as np
    >>> lattice_shape(np.stack(np.divmod(np.arange(100), 10), axis=1))
    'square'
    """
    distance = NearestNeighbors(n_neighbors=8).fit(places).kneighbors()[0]
    near = (distance < 1.2 * distance[:, :1]).sum(axis=1)
    # Off a lattice that is 1 or 2.
    return "square" if (near == 4).mean() > 0.5 else "hexagon"


def _checked(described: Described) -> np.ndarray:
    """Places in units of the usual distance to the nearest spot, or an error that says what is too large."""
    tissue, n_spots = described.tissue, len(described.tissue.coordinates)
    if tissue.n_sections > 1:
        found, wanted = f"'spagcn' for {number_of(tissue.n_sections, 'section')}", "one section"
    elif n_spots < N_COMPONENTS:
        found, wanted = f"'spagcn' for {number_of(n_spots, 'spot')}", f"{N_COMPONENTS} spots or more"
    elif n_spots > MOST_SPOTS:
        found, wanted = f"'spagcn' for {n_spots:,} spots", f"at most {MOST_SPOTS:,}: it compares all pairs"
    elif (needed := MATRICES * 4 * n_spots**2) > (room := available_memory(torch.device("cpu"))):
        found, wanted = (
            f"'spagcn' for {n_spots:,} spots",
            f"{needed / 1e9:.1f} GB ({room / 1e9:.1f} are free)",
        )
    else:
        # Its search for a length goes from 0.01 to 1000, whatever the unit of the coordinates.
        nearest = NearestNeighbors(n_neighbors=1).fit(tissue.coordinates).kneighbors()[0]
        unit = np.median(nearest[nearest > 0])
        return (tissue.coordinates - tissue.coordinates.mean(axis=0)) / unit
    raise InputError("method", found, wanted, 'Use method="mixture", which is made for that.')


def _library() -> Any:
    # louvain imports pkg_resources, which later setuptools lack; scanpy asks for it midway.
    note = "It also brings a setuptools that louvain works with."
    requires("louvain", "method", "'spagcn'", note=note)
    return requires("SpaGCN", "method", "'spagcn'", note=note)


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Put the global generators back into the state that they were in: SpaGCN seeds and uses all three."""
    python, numpy_ = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_)  # noqa: NPY002


def _sow(seed: int) -> None:
    """Seed them as SpaGCN's tutorial does before the last training."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
