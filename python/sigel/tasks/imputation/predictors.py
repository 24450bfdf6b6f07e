"""What predicts an unmeasured gene: products of something known of cells and something known of genes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from sigel.config.imputation import ImputeConfig
from sigel.errors import InputError, one_of
from sigel.nn.memory_gan.fit import fit_memory_gan
from sigel.runtime.progress import Progress
from sigel.stats.products import sparse_product
from sigel.stats.scaling import divisor, zscored
from sigel.tasks.imputation.target_reference import Panel, Reference

Method = Literal["auto", "ensemble", "representation", "ridge", "neighbors", "gan"]
METHODS: dict[str, tuple[str, ...]] = {
    "ensemble": ("level", "representation", "ridge", "neighbors"),
    "representation": ("representation",),
    "ridge": ("ridge",),
    "neighbors": ("neighbors",),
    "gan": ("gan",),
}
assert set(METHODS) | {"auto"} == set(get_args(Method))

# Cells whose likeness to all spots of a reference is held at a time.
CELLS_AT_A_TIME = 2048
# Genes of the panel that a reference must know.
LEAST_KNOWN = 5
# Cells, evenly spread over the section's order, from which the components of the panel are found.
CELLS_FOR_AXES = 5000
# Of the randomised search for them. What is searched for is determined: seeds should not differ by it.
_AXES_STATE = 0
# Of the kernel of two representations: genes at a cosine of 0.5 still have a third of a gene's own weight.
SHARPNESS = 2.0


@dataclass(frozen=True)
class Predictor:
    """Predicted z-scores `cells @ genes(names)` from one reference.

    Parameters
    ----------
    name
        The same for all references.
    cells
        `(n_cells, r)`, dense or sparse; of all cells, or of those that were asked for.
    genes
        From positions of genes in the reference, `(m,)`, to `(r, m)`.
    reference
        Where the positions count.
    history
        Epochs of the training, where there was one.
    converged
        Whether it ended because nothing got better; True where the answer is closed.
    """

    name: str
    cells: np.ndarray | sparse.csr_matrix
    genes: Callable[[np.ndarray], np.ndarray]
    reference: Reference
    history: Sequence[dict[str, Any]] = ()
    converged: bool = True


def check_method(method: str) -> str:
    """The key of `METHODS` that a method stands for.

    Parameters
    ----------
    method
        What a caller gave.

    Raises
    ------
    InputError
        When it is unknown.
    """
    if method not in get_args(Method):
        raise InputError("method", repr(method), one_of(get_args(Method)), 'Use method="auto".')
    return "ensemble" if method == "auto" else method


class SharedFeatures:
    """What the predictors of one reference share: the panel's genes seen from both sections.

    Parameters
    ----------
    panel
        Panel of the target.
    reference
        A reference; genes of the panel that it lacks are left out.
    smoothers
        Means over the nearest cells of the target, for each scale.
    n_components
        Components of the panel's images that are kept.
    cells
        Cells that are predicted, `(n,)`; default: all. What is learned does not hang on it.
    """

    def __init__(
        self,
        panel: Panel,
        reference: Reference,
        smoothers: dict[int, sparse.csr_matrix],
        n_components: int,
        cells: np.ndarray | None = None,
    ) -> None:
        known = np.array([str(name) in reference.row for name in panel.names], dtype=bool)
        self.panel, self.reference = panel, reference
        self.rows = reference.rows(panel.names[known])
        self.known = known
        self.representations = reference.representations[self.rows]  # (p, d)
        projected = panel.values @ self.among_zeros(self.representations)  # (n_all_cells, d)
        self.spots = reference.values.columns(self.rows)
        scaled = zscored(self.spots @ self.representations)  # (n_spots, d)
        self.n_all = panel.values.shape[0]
        self.cells = slice(0, self.n_all) if cells is None else cells
        k = min(n_components, len(self.rows), self.n_all)
        some = np.arange(self.n_all)[:: max(self.n_all // CELLS_FOR_AXES, 1)]
        dense = panel.values.rows(some)[:, known]  # (n_some, p)
        self.axes = randomized_svd(dense, k, random_state=_AXES_STATE)[2].T  # (p, k)
        self.components = (panel.values @ self.among_zeros(self.axes))[self.cells]  # (n_cells, k)
        self.cell_features = _at_scales(projected, smoothers)[self.cells]  # (n_cells, f)
        self.spot_features = _at_scales(scaled, reference.smoothers)

    def among_zeros(self, rows: np.ndarray) -> np.ndarray:
        """Rows `(p, k)` for the genes that the reference knows, among zeros for the others."""
        full = np.zeros((len(self.known), rows.shape[1]))
        full[self.known] = rows
        return full


def predictors(
    panel: Panel,
    references: Iterable[Reference],
    smoothers: dict[int, sparse.csr_matrix],
    kinds: tuple[str, ...],
    config: ImputeConfig,
    generator: torch.Generator,
    device: torch.device,
    progress: Progress | None = None,
    cells: np.ndarray | None = None,
) -> list[Predictor]:
    """All predictors of some kinds, for every reference.

    Parameters
    ----------
    panel
        What the target shows.
    references
        Sections with all genes.
    smoothers
        Means over the nearest cells of the target, for each scale.
    kinds
        Of `METHODS[method]`.
    config
        Settings.
    generator
        For what the GAN draws, which goes on from one panel to the next.
    device
        Where the GAN is trained.
    progress
        Called after each of its epochs.
    cells
        Cells that are predicted, `(n,)`; default: all.
    """
    found: list[Predictor] = []
    for reference in references:
        # Without its fold a reference may know too few genes of the panel to say anything.
        if sum(str(name) in reference.row for name in panel.names) < LEAST_KNOWN:
            continue
        shared = SharedFeatures(panel, reference, smoothers, config.n_components, cells)
        if "level" in kinds:
            found.append(_level(shared))
        if "representation" in kinds:
            found += [_representation(shared, penalty) for penalty in config.penalties]
        if "ridge" in kinds:
            found.append(_ridge(shared, config.spot_penalty))
        if "neighbors" in kinds:
            found += _neighbors(shared, config.n_neighbors, device)
        if "gan" in kinds:
            found.append(_gan(shared, config, generator, device, progress))
    return found


def _level(shared: SharedFeatures) -> Predictor:
    """Cells in which the panel is high: deep libraries show more of every gene."""
    level = zscored(shared.panel.level[:, None])[shared.cells]
    return Predictor("level", level, lambda rows: np.ones((1, len(rows))), shared.reference)


def _representation(shared: SharedFeatures, penalty: float) -> Predictor:
    """Kernel ridge regression of the target's images on the representations, over the genes of the panel.

    The kernel of two genes is `exp(SHARPNESS * (cosine - 1))`: genes unlike all of the panel are predicted by
    its mean image, alike ones by each other. With K `(p, p)` for the panel, k `(p, m)` for other genes and Y
    `(n_cells, p)` the leading components of the panel's z-scores, it is `Y (K + penalty I)^-1 k`.
    """
    e = shared.representations
    kernel = np.exp(SHARPNESS * (e @ e.T - 1)) + penalty * np.eye(len(e))
    map_ = np.linalg.solve(kernel, shared.axes).T  # (k, p)
    z = shared.reference.representations
    return Predictor(
        f"representation {penalty:g}",
        shared.components,
        lambda rows: map_ @ np.exp(SHARPNESS * (e @ z[rows].T - 1)),
        shared.reference,
    )


def _ridge(shared: SharedFeatures, penalty: float) -> Predictor:
    """Ridge regression over the reference's spots: from what the panel's representations say of a place."""
    x = shared.spot_features  # (n_spots, f)
    n, f = x.shape
    inverse = np.linalg.inv(x.T @ x / n + penalty * np.eye(f))
    values = shared.reference.values

    def genes(rows: np.ndarray) -> np.ndarray:
        return inverse @ (values.columns(rows).transposed_product(x).T / n)

    return Predictor("ridge", shared.cell_features, genes, shared.reference)


def _neighbors(shared: SharedFeatures, n: int, device: torch.device) -> list[Predictor]:
    """Means over the reference's spots most like a cell: by the panel, and by what it says of the place."""
    values = shared.reference.values
    n = min(n, values.shape[0])
    panel = shared.panel.values
    features = shared.cell_features.astype(np.float32)
    wanted = np.arange(shared.n_all)[shared.cells]
    by_panel = nearest_spots(
        lambda block: panel.rows(wanted[block])[:, shared.known],
        len(wanted),
        shared.spots.rows(slice(None)),
        n,
        device,
    )
    by_place = nearest_spots(
        lambda block: features[block], len(wanted), shared.spot_features.astype(np.float32), n, device
    )

    def genes(rows: np.ndarray) -> np.ndarray:
        return values.columns(rows).rows(slice(None))

    return [
        Predictor("neighbors by panel", by_panel, genes, shared.reference),
        Predictor("neighbors by place", by_place, genes, shared.reference),
    ]


def nearest_spots(
    cells: Callable[[slice], np.ndarray],
    n_cells: int,
    spots: np.ndarray,
    n: int,
    device: torch.device,
) -> sparse.csr_matrix:
    """Means over the spots nearest to each cell by cosine, a block of cells at a time.

    Parameters
    ----------
    cells
        Makes the features of some cells, `(len(block), f)`.
    n_cells
        How many cells there are.
    spots
        Features of the spots, `(n_spots, f)`.
    n
        Spots of a mean.
    device
        Where likeness is computed.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32 `(n_cells, n_spots)`, `n` values of `1 / n` in each row.
    """
    right = torch.nn.functional.normalize(torch.from_numpy(spots).to(device)).T  # (f, n_spots)
    index = np.empty((n_cells, n), dtype=np.int32)
    for start in range(0, n_cells, CELLS_AT_A_TIME):
        block = slice(start, min(start + CELLS_AT_A_TIME, n_cells))
        left = torch.nn.functional.normalize(torch.from_numpy(cells(block)).to(device))  # (block, f)
        index[block] = (left @ right).topk(n, sorted=False).indices.cpu().numpy()
    weights = np.full(index.size, 1 / n, dtype=np.float32)
    pointers = np.arange(0, index.size + 1, n)
    return sparse.csr_matrix((weights, index.ravel(), pointers), shape=(n_cells, len(spots)))


def _gan(
    shared: SharedFeatures,
    config: ImputeConfig,
    generator: torch.Generator,
    device: torch.device,
    progress: Progress | None,
) -> Predictor:
    """The memory-GAN: images drawn from representations, over components of the target's panel."""
    panel = shared.panel.values
    some = np.sort(torch.randperm(shared.n_all, generator=generator)[: config.max_cells].numpy())
    dense = panel.rows(some)[:, shared.known]  # (n, p)
    k = min(config.gan.n_components, *dense.shape)
    _, _, axes = randomized_svd(dense, k, random_state=_AXES_STATE)  # (k, p)
    basis = panel @ shared.among_zeros(axes.T)  # (n_cells, k)
    basis /= divisor(basis.std(axis=0))
    fitted = fit_memory_gan(
        torch.from_numpy(shared.representations).float(),
        torch.from_numpy(dense.T.copy()),
        torch.from_numpy(basis[some]).float(),
        config.gan,
        generator,
        device,
        progress,
    )
    z = torch.from_numpy(shared.reference.representations).float()

    def genes(rows: np.ndarray) -> np.ndarray:
        return fitted.coefficients(z[torch.from_numpy(rows)]).T.cpu().numpy().astype(np.float64)

    return Predictor("gan", basis[shared.cells], genes, shared.reference, fitted.history, fitted.converged)


def _at_scales(values: np.ndarray, smoothers: dict[int, sparse.csr_matrix]) -> np.ndarray:
    """Features `(n, d)` averaged over each scale, wider ones weighing less: `(n, d * n_scales)`."""
    parts = [
        zscored(sparse_product(weights, values)) / np.sqrt(1 + at)
        for at, weights in enumerate(smoothers.values())
    ]
    return np.hstack(parts)
