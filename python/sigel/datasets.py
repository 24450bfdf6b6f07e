"""A simulated section with known truth, for demonstrations and tests. Nothing in it was measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

Lattice = Literal["visium", "square", "cells"]
Shape = Callable[["_Tissue", np.random.Generator], np.ndarray]

BACKGROUND = "background"

_SPACING = 100.0  # centre to centre of neighbouring spots, in the units of obsm["spatial"]
_LEVEL_SD = 1.2  # of log mean expression: a factor of about 400 between the rarest and commonest gene
_LEVEL_LIMIT = 2.5  # in standard deviations, so that no single gene owns the section
_CHUNK = 2_000_000  # counts drawn at a time: bounds memory to about 50 MB, whatever the size of the section
_CANDIDATES = 16  # drawings of a shape, of which the one least like the earlier programmes is taken
_EXTRAS = (
    ("mt-Nd1", "mt-Nd2", "mt-Nd4", "mt-Co1", "mt-Co2", "mt-Co3", "mt-Atp6", "mt-Cytb"),
    ("ERCC-00002", "ERCC-00074", "ERCC-00096", "ERCC-00130"),
)


def simulated_section(
    n_rows: int = 40,
    n_cols: int = 40,
    n_programmes: int = 8,
    genes_per_programme: int = 90,
    n_background_genes: int = 480,
    median_counts: float = 3500.0,
    lattice: Lattice = "visium",
    fold: tuple[float, float] = (2.5, 8.0),
    seed: int = 0,
) -> AnnData:
    """Simulate a tissue section whose genes follow planted spatial programmes.

    A programme is a shape on the tissue (layer, blob, ring, gradient, stripes, patches, rim, wedge, then
    the same again elsewhere). The genes of a programme share its shape; each has its own mean level, fold
    change and dispersion, drawn alike for all programmes and for the background genes, so that only place
    tells the groups apart. Counts are negative binomial. The share of a background gene in a spot's counts
    is the same everywhere: after division by the library size nothing but noise is left of it.

    Parameters
    ----------
    n_rows, n_cols
        Spots down and across before the tissue is cut out; about four fifths of them lie on tissue.
    n_programmes
        Number of planted programmes, at least 1.
    genes_per_programme
        Genes that follow each programme.
    n_background_genes
        Genes without a spatial pattern, at least 1.
    median_counts
        Median library size of a spot over the genes named `Gene...`. The default of 3500 counts for 1200
        genes leaves 35 to 40 % of the matrix zero (half of it in the best 1300 genes of a real section).
    lattice
        `"visium"`: hexagonal, `array_row + array_col` even. `"square"`: as in the first Spatial
        Transcriptomics arrays. `"cells"`: scattered cells without array positions.
    fold
        Smallest and largest fold change of a gene between the inside and the outside of its programme.
        The smaller, the harder to recover.
    seed
        Seed of the numpy generator; the same seed gives the same section.

    Returns
    -------
    AnnData
        - `X`: CSR float32 counts, spots x genes, plus 8 mitochondrial genes and 4 spike-ins, which
          `GeneImages` leaves out by name
        - `obs`: `array_row`, `array_col` (not for cells), `region` (the strongest programme)
        - `var`: `programme` (`"background"` for none), `level` (mean count at the median library),
          `fold`, `dispersion`
        - `obsm`: `spatial` (x, y; neighbours 100 apart), `programmes` (spots x programmes, 0 to 1)
        - `uns`: `simulated`, `simulation`

    Raises
    ------
    InputError
        When an argument is out of range.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(seed=0)
    >>> bool(adata.uns["simulated"])
    True
    >>> int((adata.var["programme"] == "ring").sum())
    90
    """
    from anndata import AnnData

    low, high = _check_fold(fold)
    _check_whole("n_rows", n_rows, 6)
    _check_whole("n_cols", n_cols, 6)
    _check_whole("n_programmes", n_programmes, 1)
    _check_whole("genes_per_programme", genes_per_programme, 1)
    _check_whole("n_background_genes", n_background_genes, 1)
    _check_whole("seed", seed, 0)
    if not (isinstance(median_counts, Real) and 0 < float(median_counts) < np.inf):
        raise InputError("median_counts", repr(median_counts), "a number of counts > 0", "Use 3500.")
    if lattice not in get_args(Lattice):
        raise InputError("lattice", repr(lattice), f"one of {get_args(Lattice)}", 'Use lattice="visium".')

    rng = np.random.default_rng(seed)
    tissue = _tissue(n_rows, n_cols, lattice, rng)
    names, programmes = _programmes(tissue, n_programmes, rng)
    n_genes = n_programmes * genes_per_programme + n_background_genes
    programme = np.repeat(
        np.arange(n_programmes + 1), [genes_per_programme] * n_programmes + [n_background_genes]
    )
    programme = rng.permutation(programme)  # the order of the genes says nothing
    level = np.exp(_LEVEL_SD * np.clip(rng.standard_normal(n_genes), -_LEVEL_LIMIT, _LEVEL_LIMIT))
    folds = np.where(programme < n_programmes, np.exp(rng.uniform(np.log(low), np.log(high), n_genes)), 1.0)
    dispersion = np.exp(rng.normal(np.log(0.15), 0.5, n_genes))
    library = _library(tissue, rng) * median_counts
    share = _Shares(programmes, programme, level, folds)
    extras = _extra_genes(library, rng)
    counts = sparse.hstack([_counts(share, library, dispersion, rng), extras], format="csr", dtype=np.float32)
    counts.sort_indices()

    labels = np.array([*names, BACKGROUND])
    level = share.mean_level * median_counts
    var = _var(labels, programme, {"level": level, "fold": folds, "dispersion": dispersion})
    obs = _obs(tissue, lattice, labels, programmes)
    parameters: dict[str, Any] = {
        "note": "Simulated by sigel.datasets.simulated_section; nothing in it was measured.",
        "programmes": names,
        "seed": int(seed),
        "lattice": lattice,
        "median_counts": float(median_counts),
        "fold": [float(low), float(high)],
    }
    return AnnData(
        X=counts,
        obs=obs,
        var=var,
        obsm={"spatial": tissue.spatial, "programmes": programmes.astype(np.float32)},
        uns={"simulated": True, "simulation": parameters},
    )


@dataclass(frozen=True)
class _Tissue:
    """Spots on tissue: `array` (row, column), `spatial` (x, y); `u`, `v` from -1 to 1; `rim` 0 to 1."""

    array: np.ndarray
    spatial: np.ndarray
    u: np.ndarray
    v: np.ndarray
    rim: np.ndarray

    def centre(self, rng: np.random.Generator, n: int = 1) -> np.ndarray:
        """`n` places inside the tissue, away from its edge, shape `(n, 2)`."""
        inside = np.flatnonzero(self.rim < 0.75)
        chosen = rng.choice(inside, n)
        return np.column_stack([self.u[chosen], self.v[chosen]])

    def along(self, angle: float) -> np.ndarray:
        """Position along a direction, about -1 to 1."""
        return self.u * math.cos(angle) + self.v * math.sin(angle)


def _tissue(n_rows: int, n_cols: int, lattice: Lattice, rng: np.random.Generator) -> _Tissue:
    row, col = (a.ravel() for a in np.mgrid[:n_rows, :n_cols])
    x, y = col * 1.0, row * 1.0
    if lattice == "visium":
        col = 2 * col + row % 2
        x, y = col / 2, row * math.sqrt(3) / 2
    elif lattice == "cells":
        x, y = x + rng.uniform(-0.5, 0.5, len(x)), y + rng.uniform(-0.5, 0.5, len(y))
    u, v = (2 * (a - a.min()) / np.ptp(a) - 1 for a in (x, y))
    # A rounded box whose edge wanders, and one hole, as a ventricle or a tear leaves it.
    angle = np.arctan2(v, u)
    waves = np.arange(2, 6)
    phase = rng.uniform(0, 2 * np.pi, len(waves))
    wander = (np.cos(angle[:, None] * waves + phase) * (0.06 / np.sqrt(waves))).sum(1)
    rim = (np.abs(u) ** 3 + np.abs(v) ** 3) ** (1 / 3) / (0.97 + wander)
    at, turn = rng.uniform(0, 2 * np.pi, 2)
    across, down = u - 0.35 * math.cos(at), v - 0.35 * math.sin(at)
    long = across * math.cos(turn) + down * math.sin(turn)
    short = down * math.cos(turn) - across * math.sin(turn)
    keep = (rim < 1) & ((long / 0.22) ** 2 + (short / 0.10) ** 2 > 1)
    places = np.column_stack([x, y]) * _SPACING + _SPACING
    return _Tissue(
        array=np.column_stack([row, col])[keep], spatial=places[keep], u=u[keep], v=v[keep], rim=rim[keep]
    )


def _layer(tissue: _Tissue, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, np.pi)
    depth = tissue.along(angle) + rng.uniform(-0.4, 0.4) * tissue.along(angle + np.pi / 2) ** 2
    return np.abs(depth - rng.uniform(-0.6, 0.6)) < rng.uniform(0.13, 0.2)


def _blob(tissue: _Tissue, rng: np.random.Generator) -> np.ndarray:
    centre, width = tissue.centre(rng)[0], rng.uniform(0.2, 0.32, 2)
    return np.exp(
        -((tissue.u - centre[0]) ** 2 / width[0] ** 2 + (tissue.v - centre[1]) ** 2 / width[1] ** 2) / 2
    )


def _ring(tissue: _Tissue, rng: np.random.Generator) -> np.ndarray:
    centre = tissue.centre(rng)[0] * 0.7
    distance = np.hypot(tissue.u - centre[0], tissue.v - centre[1])
    return np.abs(distance - rng.uniform(0.3, 0.5)) < rng.uniform(0.09, 0.13)


def _gradient(tissue: _Tissue, rng: np.random.Generator) -> np.ndarray:
    return np.clip((tissue.along(rng.uniform(0, 2 * np.pi)) + 0.9) / 1.8, 0, 1) ** 1.5


def _stripes(tissue: _Tissue, rng: np.random.Generator) -> np.ndarray:
    turns = rng.uniform(1.4, 1.9) * tissue.along(rng.uniform(0, np.pi)) + rng.uniform()
    return np.sin(2 * np.pi * turns) > 0.2


def _patches(tissue: _Tissue, rng: np.random.Generator) -> np.ndarray:
    centres, radius = tissue.centre(rng, 6), rng.uniform(0.13, 0.2, 6)
    distance = np.hypot(tissue.u[:, None] - centres[:, 0], tissue.v[:, None] - centres[:, 1])
    return (distance < radius).any(axis=1)


def _rim(tissue: _Tissue, rng: np.random.Generator) -> np.ndarray:
    part = rng.uniform(0.35, 0.9) * np.pi  # half the width of the arc: never quite all round
    off = np.angle(np.exp(1j * (np.arctan2(tissue.v, tissue.u) - rng.uniform(0, 2 * np.pi))))
    return (tissue.rim > rng.uniform(0.78, 0.86)) & (np.abs(off) < part)


def _wedge(tissue: _Tissue, rng: np.random.Generator) -> np.ndarray:
    centre, width = rng.uniform(-0.3, 0.3, 2), rng.uniform(0.45, 0.7)
    off = np.arctan2(tissue.v - centre[1], tissue.u - centre[0]) - rng.uniform(0, 2 * np.pi)
    return np.abs(np.angle(np.exp(1j * off))) < width


_SHAPES: dict[str, Shape] = {
    "layer": _layer,
    "blob": _blob,
    "ring": _ring,
    "gradient": _gradient,
    "stripes": _stripes,
    "patches": _patches,
    "rim": _rim,
    "wedge": _wedge,
}


def _programmes(tissue: _Tissue, n: int, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Names, and activities `(n_spots, n)` from 0 to 1, each unlike the ones before it."""
    kinds = list(_SHAPES)
    names: list[str] = []
    chosen: list[np.ndarray] = []
    for number in range(n):
        kind = kinds[number % len(kinds)]
        drawn = np.stack([_SHAPES[kind](tissue, rng).astype(float) for _ in range(_CANDIDATES)])
        share = drawn.mean(axis=1)
        likeness = np.zeros(_CANDIDATES)
        if chosen:
            likeness = np.abs(_standard(drawn) @ _standard(np.stack(chosen)).T / drawn.shape[1]).max(axis=1)
        # A shape must cover enough of the tissue to be seen, and not all of it.
        likeness += 2 * np.maximum(0.06 - share, 0) / 0.06 + 2 * np.maximum(share - 0.6, 0)
        chosen.append(drawn[likeness.argmin()])
        again = number // len(kinds)
        names.append(kind if again == 0 else f"{kind}_{again + 1}")
    return names, np.stack(chosen, axis=1)


def _standard(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=1, keepdims=True)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9)


def _library(tissue: _Tissue, rng: np.random.Generator) -> np.ndarray:
    """Relative library sizes with median 1: log-normal, partly following a smooth field of its own."""
    waves = rng.uniform(-4, 4, (2, 6))
    field = np.cos(np.column_stack([tissue.u, tissue.v]) @ waves + rng.uniform(0, 2 * np.pi, 6)).mean(axis=1)
    size = np.exp(0.2 * field / field.std() + 0.35 * rng.standard_normal(len(field)))
    return size / np.median(size)


class _Shares:
    """The share of each gene in the counts of each spot, made a block of genes at a time; sums to 1."""

    def __init__(
        self, programmes: np.ndarray, programme: np.ndarray, level: np.ndarray, fold: np.ndarray
    ) -> None:
        n = programmes.shape[1]
        # A column of zeros stands for the background: a gene of no programme has fold 1 on it.
        self.activity = np.column_stack([programmes, np.zeros(len(programmes))])
        self.programme = programme
        self.rise = fold - 1
        in_programme = programme < n
        mean = 1 + self.rise * self.activity.mean(axis=0)[programme]
        self.base = level / level.sum() / mean  # outside the programme; the mean over spots is the level
        constant = np.bincount(programme, self.base, n + 1)[:n].sum()
        slope = np.bincount(programme, self.base * self.rise, n + 1)
        total = constant + self.activity @ slope  # (n_spots,) of all programme genes together
        self.weight = level[in_programme].sum() / level.sum() / total
        self.in_programme = in_programme
        self.mean_level = level / level.sum()

    def block(self, start: int, stop: int) -> np.ndarray:
        """Shares of genes `start` to `stop`, shape `(n_spots, stop - start)`."""
        genes = slice(start, stop)
        rates = self.base[genes] * (1 + self.rise[genes] * self.activity[:, self.programme[genes]])
        return np.where(self.in_programme[genes], rates * self.weight[:, None], rates)


def _counts(
    share: _Shares, library: np.ndarray, dispersion: np.ndarray, rng: np.random.Generator
) -> sparse.csc_matrix:
    """Negative binomial counts (variance `mu + dispersion * mu**2`), spots x genes."""
    step = max(1, _CHUNK // len(library))
    blocks = []
    for start in range(0, len(dispersion), step):
        stop = min(start + step, len(dispersion))
        mean = share.block(start, stop) * library[:, None]
        shape = 1 / dispersion[start:stop]
        noise = rng.standard_gamma(np.broadcast_to(shape, mean.shape)) / shape
        blocks.append(sparse.csc_matrix(rng.poisson(mean * noise).astype(np.float32)))
    return sparse.hstack(blocks, format="csc")


def _extra_genes(library: np.ndarray, rng: np.random.Generator) -> sparse.csc_matrix:
    """Mitochondrial genes follow how damaged a spot is, spike-ins only how much was added."""
    n = len(library)
    damage = rng.gamma(8, 1 / 8, n)
    mitochondrial = 0.12 * rng.dirichlet(np.full(len(_EXTRAS[0]), 4.0)) * (library * damage)[:, None]
    spiked = np.full((n, len(_EXTRAS[1])), 1.0) * 4.0 ** -np.arange(len(_EXTRAS[1]))
    return sparse.csc_matrix(rng.poisson(np.column_stack([mitochondrial, spiked])).astype(np.float32))


def _var(labels: np.ndarray, programme: np.ndarray, truth: dict[str, np.ndarray]) -> pd.DataFrame:
    n_genes, extras = len(programme), [*_EXTRAS[0], *_EXTRAS[1]]
    width = max(4, len(str(n_genes)))
    names = [f"Gene{g:0{width}d}" for g in range(1, n_genes + 1)]
    var = pd.DataFrame({"programme": labels[programme], **truth}, index=names).reindex([*names, *extras])
    var["programme"] = pd.Categorical(var["programme"].fillna(BACKGROUND), categories=labels)
    var["fold"] = var["fold"].fillna(1.0)
    return var


def _obs(tissue: _Tissue, lattice: Lattice, labels: np.ndarray, programmes: np.ndarray) -> pd.DataFrame:
    strongest = programmes.argmax(axis=1)
    region = np.where(programmes.max(axis=1) >= 0.5, labels[strongest], BACKGROUND)
    n = len(region)
    name, width = ("cell" if lattice == "cells" else "spot"), max(4, len(str(n)))
    obs = pd.DataFrame(index=[f"{name}{s:0{width}d}" for s in range(1, n + 1)])
    if lattice != "cells":
        obs["array_row"], obs["array_col"] = tissue.array.T
    obs["region"] = pd.Categorical(region, categories=labels)
    return obs


def _check_whole(argument: str, value: object, least: int) -> None:
    ok = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least
    if not ok:
        raise InputError(
            argument, repr(value), f"a whole number >= {least}", f"Use {argument}={least} or more."
        )


def _check_fold(fold: tuple[float, float]) -> tuple[float, float]:
    values = tuple(float(value) for value in fold) if isinstance(fold, tuple | list) else ()
    if len(values) != 2 or not 1 <= values[0] <= values[1] < np.inf:
        raise InputError("fold", repr(fold), "two fold changes >= 1, smallest first", "Use fold=(2.5, 8.0).")
    return values[0], values[1]
