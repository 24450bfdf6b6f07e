"""Simulated sections with known truth, for demonstrations and tests. Nothing in them was measured."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse

from sigel.errors import InputError, one_of

if TYPE_CHECKING:
    from anndata import AnnData

Lattice = Literal["visium", "square", "cells"]
Shape = Callable[["_Tissue", np.random.Generator], np.ndarray]

BACKGROUND = "background"

_SPACING = 100.0  # centre to centre of neighbouring spots, in the units of obsm["spatial"]
_LEVEL_SD = 1.2  # of log mean expression: a factor of about 400 between the rarest and commonest gene
_LEVEL_LIMIT = 2.5  # in standard deviations, so that no single gene owns the section
_CHUNK = 2_000_000  # counts drawn at a time: bounds memory to about 50 MB, whatever the size of the section
_EFFICIENCY_SD = 0.5  # of log efficiency: a panel sees two genes in three at 0.6 to 1.6 times their share
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
    arguments = dict(locals())
    _check(arguments)
    rng = np.random.default_rng(seed)
    tissue = _cut(*_places(n_rows, n_cols, lattice, rng), rng)
    names, programmes = _programmes(tissue, n_programmes, rng)
    genes = _genes(names, genes_per_programme, n_background_genes, fold, rng)
    return _observed(tissue, _Shares(programmes, genes), arguments, rng)


def simulated_panel(
    n_panel: int = 80,
    *,
    n_rows: int = 40,
    n_cols: int = 40,
    n_programmes: int = 8,
    genes_per_programme: int = 90,
    n_background_genes: int = 480,
    median_counts: float = 3500.0,
    lattice: Lattice = "visium",
    fold: tuple[float, float] = (2.5, 8.0),
    seed: int = 0,
) -> tuple[AnnData, AnnData, AnnData]:
    """Simulate one tissue seen twice: by a gene panel, and by the whole transcriptome.

    All is made as in `simulated_section`. The reference measures all genes in spots on a lattice. The target
    measures a panel in other cells of the same tissue: each lies where a spot would, moved at random by up to
    half the spacing. Counts and library sizes are drawn anew for each, so that they share the programmes and
    no noise. The target's platform catches each gene with an efficiency of its own (log-normal, standard
    deviation 0.5 of the log), so that no level can be carried over as it is.

    Parameters
    ----------
    n_panel
        Genes of the panel, at least 1 and fewer than there are; drawn at random, the same share of each
        programme and of the background. The default of 80 takes 6 of the 90 genes of a programme.
    n_rows, n_cols, n_programmes, genes_per_programme, n_background_genes, lattice, fold
        As in `simulated_section`; `lattice` is the reference's.
    median_counts
        Median library size over all genes named `Gene...`; in the target before the efficiencies. By default
        a cell shows some 250 counts of the panel.
    seed
        Seed of the numpy generator; the same seed gives the same objects.

    Returns
    -------
    target, reference, hidden : AnnData
        - `target`: cells x panel genes, in random order, so that pairing genes by place would be wrong
        - `reference`: spots x all genes, as from `simulated_section`
        - `hidden`: the target's cells x all other genes: what the panel missed, to hold an imputation against

        All hold what `simulated_section` writes; target and hidden have `efficiency` in `var` besides.

    Raises
    ------
    InputError
        When an argument is out of range.

    Examples
    --------
    >>> import sigel
    >>> target, reference, hidden = sigel.datasets.simulated_panel(80, seed=0)
    >>> target.n_vars, hidden.n_vars
    (80, 1120)
    >>> bool(target.var_names.isin(reference.var_names).all())
    True
    """
    arguments = dict(locals())
    _check(arguments)
    _check_whole("n_panel", n_panel, 1)
    n_genes = n_programmes * genes_per_programme + n_background_genes
    if n_panel >= n_genes:
        fix = f"Use n_panel={n_genes // 4 or 1}, or more genes."
        raise InputError("n_panel", f"{n_panel} of {n_genes} genes", "fewer genes than there are", fix)
    rng = np.random.default_rng(seed)
    array, places = _places(n_rows, n_cols, lattice, rng)
    moved = places + rng.uniform(-0.5, 0.5, places.shape)
    # Spots and cells are one tissue, so that one drawing of the outline and of the programmes holds for both.
    tissue = _cut(np.vstack([array, np.full_like(array, -1)]), np.vstack([places, moved]), rng)
    names, programmes = _programmes(tissue, n_programmes, rng)
    genes = _genes(names, genes_per_programme, n_background_genes, fold, rng)
    share, cells = _Shares(programmes, genes), tissue.array[:, 0] < 0
    efficiency = np.exp(_EFFICIENCY_SD * rng.standard_normal(n_genes))
    reference = _observed(tissue.part(~cells), share.part(~cells), arguments, rng)
    arguments["lattice"] = "cells"
    complete = _observed(tissue.part(cells), share.part(cells, efficiency), arguments, rng)
    # The first few of each programme and of the background, in proportion to their numbers.
    by_programme = pd.Series(rng.permutation(n_genes)).groupby(genes["programme"].cat.codes)
    place = by_programme.rank(pct=True) - 0.5 / by_programme.transform("size")
    order = place.argsort(kind="stable").to_numpy()
    complete.var["efficiency"] = np.append(efficiency, np.ones(complete.n_vars - n_genes))
    chosen = rng.permutation(order[:n_panel]), np.sort(order[n_panel:])
    target, hidden = (complete[:, some].copy() for some in chosen)
    target.X.sort_indices()
    return target, reference, hidden


def simulated_cohort(
    n_donors: tuple[int, int] = (4, 4),
    n_changed: int = 24,
    n_rows: int = 30,
    n_cols: int = 30,
    n_programmes: int = 6,
    genes_per_programme: int = 40,
    n_background_genes: int = 120,
    median_counts: float = 3500.0,
    fold: tuple[float, float] = (2.5, 8.0),
    seed: int = 0,
) -> list[AnnData]:
    """Simulate one tissue in several donors of two conditions, with genes that change their place.

    All is made as in `simulated_section`, cells instead of spots. The donors share the programmes; each has
    its own cells, library sizes and noise, its section is turned at random and one side of it is lost, and
    each gene has a level and a fold change of its own in each donor (log-normal, standard deviations 0.2).

    Parameters
    ----------
    n_donors
        Of the conditions `"control"` and `"case"`, at least 1 each.
    n_changed
        Genes that follow another programme in the cases, and as many whose level doubles there.
    n_rows, n_cols, n_programmes, genes_per_programme, n_background_genes, median_counts, fold
        As in `simulated_section`.
    seed
        Seed of the numpy generator; the same seed gives the same objects.

    Returns
    -------
    list of AnnData
        One for each donor, with `donor` and `condition` in `obs`, and `change` in `var`: `"pattern"`,
        `"level"` or `"none"`; `var["programme"]` is that of the donor's condition.

    Raises
    ------
    InputError
        When an argument is out of range.

    Examples
    --------
    >>> import sigel
    >>> sections = sigel.datasets.simulated_cohort((2, 2))
    >>> [section.obs["condition"].iloc[0] for section in sections]
    ['control', 'control', 'case', 'case']
    """
    arguments = dict(locals()) | {"lattice": "cells"}
    _check(arguments)
    if not (isinstance(n_donors, tuple | list) and len(n_donors) == 2):
        raise InputError("n_donors", repr(n_donors), "two numbers of donors", "Use n_donors=(4, 4).")
    for n in n_donors:
        _check_whole("n_donors", n, 1)
    _check_whole("n_changed", n_changed, 0)
    if 2 * n_changed > n_programmes * genes_per_programme or (n_changed and n_programmes < 2):
        found = f"{n_changed} of each kind, of {n_programmes * genes_per_programme} genes with a programme"
        raise InputError("n_changed", found, "at most half of them", "Use fewer, or more genes.")
    rng = np.random.default_rng(seed)
    array, places = _places(n_rows, n_cols, "cells", rng)
    tissue = _cut(array, places, rng)
    names, programmes = _programmes(tissue, n_programmes, rng)
    genes = _genes(names, genes_per_programme, n_background_genes, fold, rng)
    code = genes["programme"].cat.codes.to_numpy()
    drawn = rng.permutation(np.flatnonzero(code < n_programmes))[: 2 * n_changed]
    change = np.full(len(genes), "none", dtype=object)
    change[drawn[:n_changed]], change[drawn[n_changed:]] = "pattern", "level"
    moved = code.copy()
    moved[change == "pattern"] += rng.integers(1, max(n_programmes, 2), n_changed).astype(moved.dtype)
    moved[change == "pattern"] %= n_programmes
    sections = []
    for donor, case in enumerate(np.repeat([False, True], n_donors)):
        own = genes.assign(
            programme=pd.Categorical.from_codes(moved if case else code, genes["programme"].cat.categories),
            level=genes["level"] * np.exp(0.2 * rng.standard_normal(len(genes))),
            fold=1 + (genes["fold"] - 1) * np.exp(0.2 * rng.standard_normal(len(genes))),
        )
        own["level"] *= np.where(case & (change == "level"), 2.0, 1.0)
        own["level"] /= own["level"].sum()
        kept = tissue.along(rng.uniform(0, 2 * np.pi)) < rng.uniform(0.6, 1.2)  # one side is lost
        made = _observed(tissue.part(kept), _Shares(programmes[kept], own), arguments, rng)
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        made.obsm["spatial"] = made.obsm["spatial"] @ turn.T
        made.obs["donor"] = f"D{donor + 1}"
        names_of_two = pd.CategoricalDtype(["control", "case"])
        made.obs["condition"] = pd.Series("case" if case else "control", made.obs_names, dtype=names_of_two)
        made.var["change"] = np.append(change, np.full(made.n_vars - len(genes), "none"))
        sections.append(made)
    return sections


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

    def part(self, spots: np.ndarray) -> _Tissue:
        """Some of the spots."""
        return _Tissue(**{field.name: getattr(self, field.name)[spots] for field in fields(self)})


def _places(
    n_rows: int, n_cols: int, lattice: Lattice, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each spot of the full rectangle, and its x and y, in spacings."""
    row, col = (a.ravel() for a in np.mgrid[:n_rows, :n_cols])
    x, y = col * 1.0, row * 1.0
    if lattice == "visium":
        col = 2 * col + row % 2
        x, y = col / 2, row * math.sqrt(3) / 2
    elif lattice == "cells":
        x, y = x + rng.uniform(-0.5, 0.5, len(x)), y + rng.uniform(-0.5, 0.5, len(y))
    return np.column_stack([row, col]), np.column_stack([x, y])


def _cut(array: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> _Tissue:
    """The spots that lie on tissue."""
    u, v = (2 * (a - a.min()) / np.ptp(a) - 1 for a in places.T)
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
    return _Tissue(array=array, spatial=places * _SPACING + _SPACING, u=u, v=v, rim=rim).part(keep)


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


def _genes(
    names: list[str], n_each: int, n_background: int, fold: tuple[float, float], rng: np.random.Generator
) -> pd.DataFrame:
    """`programme`, `level` (mean share of the counts), `fold` and `dispersion` of each gene, drawn alike."""
    labels, sizes = [*names, BACKGROUND], [n_each] * len(names) + [n_background]
    of = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))  # the order of the genes says nothing
    level = np.exp(_LEVEL_SD * np.clip(rng.standard_normal(len(of)), -_LEVEL_LIMIT, _LEVEL_LIMIT))
    change = np.exp(rng.uniform(math.log(fold[0]), math.log(fold[1]), len(of)))
    genes = pd.DataFrame({"programme": pd.Categorical.from_codes(of, labels), "level": level / level.sum()})
    genes["fold"] = np.where(of < len(names), change, 1.0)
    genes["dispersion"] = np.exp(rng.normal(np.log(0.15), 0.5, len(of)))
    return genes


def _library(tissue: _Tissue, rng: np.random.Generator) -> np.ndarray:
    """Relative library sizes with median 1: log-normal, partly following a smooth field of its own."""
    waves = rng.uniform(-4, 4, (2, 6))
    field = np.cos(np.column_stack([tissue.u, tissue.v]) @ waves + rng.uniform(0, 2 * np.pi, 6)).mean(axis=1)
    size = np.exp(0.2 * field / field.std() + 0.35 * rng.standard_normal(len(field)))
    return size / np.median(size)


class _Shares:
    """The share of each gene in the counts of each spot, made a block of genes at a time; sums to 1."""

    def __init__(self, programmes: np.ndarray, genes: pd.DataFrame) -> None:
        n, level = programmes.shape[1], genes["level"].to_numpy()
        self.genes, self.programme = genes, genes["programme"].cat.codes.to_numpy(dtype=np.int64)
        # A column of zeros stands for the background: a gene of no programme has fold 1 on it.
        self.activity = np.column_stack([programmes, np.zeros(len(programmes))])
        self.rise = genes["fold"].to_numpy() - 1
        self.in_programme = self.programme < n
        mean = 1 + self.rise * self.activity.mean(axis=0)[self.programme]
        self.base = level / mean  # outside the programme; the mean over spots is the level
        constant = np.bincount(self.programme, self.base, n + 1)[:n].sum()
        slope = np.bincount(self.programme, self.base * self.rise, n + 1)
        total = constant + self.activity @ slope  # (n_spots,) of all programme genes together
        self.weight = level[self.in_programme].sum() / total

    def part(self, spots: np.ndarray, efficiency: np.ndarray | float = 1.0) -> _Shares:
        """Those of some spots, each gene's times its efficiency `(n_genes,)`: they sum to about 1."""
        made = copy.copy(self)
        made.activity, made.weight = self.activity[spots], self.weight[spots]
        made.base = self.base * efficiency
        made.genes = self.genes.assign(level=self.genes["level"] * efficiency)
        return made

    def block(self, start: int, stop: int) -> np.ndarray:
        """Shares of genes `start` to `stop`, shape `(n_spots, stop - start)`."""
        genes = slice(start, stop)
        rates = self.base[genes] * (1 + self.rise[genes] * self.activity[:, self.programme[genes]])
        return np.where(self.in_programme[genes], rates * self.weight[:, None], rates)


def _counts(share: _Shares, library: np.ndarray, rng: np.random.Generator) -> sparse.csc_matrix:
    """Negative binomial counts (variance `mu + dispersion * mu**2`), spots x genes."""
    dispersion = share.genes["dispersion"].to_numpy()
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


def _var(genes: pd.DataFrame, median_counts: float) -> pd.DataFrame:
    extras, width = [*_EXTRAS[0], *_EXTRAS[1]], max(4, len(str(len(genes))))
    names = [f"Gene{g:0{width}d}" for g in range(1, len(genes) + 1)]
    var = genes.assign(level=genes["level"] * median_counts).set_axis(names).reindex([*names, *extras])
    return var.fillna({"programme": BACKGROUND, "fold": 1.0})


def _observed(tissue: _Tissue, share: _Shares, given: dict[str, Any], rng: np.random.Generator) -> AnnData:
    """Counts of all genes on some spots, and the truth; the library sizes are this view's own."""
    from anndata import AnnData

    counts, programmes = float(given["median_counts"]), share.activity[:, :-1]
    library = _library(tissue, rng) * counts
    extras = _extra_genes(library, rng)
    matrix = sparse.hstack([_counts(share, library, rng), extras], format="csr", dtype=np.float32)
    matrix.sort_indices()
    labels = share.genes["programme"].cat.categories.to_numpy()
    simulation = {
        "note": "Simulated by sigel.datasets; nothing in it was measured.",
        "programmes": list(labels[:-1]),
        "seed": int(given["seed"]),
        "lattice": given["lattice"],
        "median_counts": counts,
        "fold": [float(value) for value in given["fold"]],
    }
    return AnnData(
        X=matrix,
        obs=_obs(tissue, given["lattice"], labels, programmes),
        var=_var(share.genes, counts),
        obsm={"spatial": tissue.spatial, "programmes": programmes.astype(np.float32)},
        uns={"simulated": True, "simulation": simulation},
    )


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
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        fix = f"Use {argument}={least} or more."
        raise InputError(argument, repr(value), f"a whole number >= {least}", fix)


def _check(arguments: dict[str, Any]) -> None:
    least = {"n_rows": 6, "n_cols": 6, "n_programmes": 1, "genes_per_programme": 1, "n_background_genes": 1}
    for argument, smallest in {**least, "seed": 0}.items():
        _check_whole(argument, arguments[argument], smallest)
    counts, lattice, fold = (arguments[name] for name in ("median_counts", "lattice", "fold"))
    if not (isinstance(counts, Real) and 0 < float(counts) < np.inf):
        raise InputError("median_counts", repr(counts), "a number of counts > 0", "Use 3500.")
    if lattice not in get_args(Lattice):
        raise InputError("lattice", repr(lattice), one_of(get_args(Lattice)), 'Use lattice="visium".')
    values = tuple(float(value) for value in fold) if isinstance(fold, tuple | list) else ()
    if len(values) != 2 or not 1 <= values[0] <= values[1] < np.inf:
        raise InputError("fold", repr(fold), "two fold changes >= 1, smallest first", "Use fold=(2.5, 8.0).")
