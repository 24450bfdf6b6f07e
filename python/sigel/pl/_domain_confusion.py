"""How spatial domains and known labels go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sigel.errors import InputError, unknown_name
from sigel.keys import Keys
from sigel.pl._base import pyplot
from sigel.pl._colours import MOST, in_order
from sigel.pl._domains import stored

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure

_CELL = (0.62, 0.36)  # inches of a cell of the table
_LETTER = 0.075  # inches of a digit in it
_LONGEST = 40  # letters of a label that are shown


def domain_confusion(adata: AnnData, labels: str, *, key: str = "sigel") -> Figure:
    """How domains and known labels go together.

    Parameters
    ----------
    adata
        An AnnData with the results of `sigel.tl.domains`; only read.
    labels
        Column of `obs` with a label for each spot; spots without one are left out, and how many is said.
    key
        `key_added` of `sigel.tl.domains`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. Rows: domains, in the order of the labels that they match best one to one;
        those left over follow the domain of the label that they overlap most. Colour: the share of a domain
        that has the label; the numbers of spots are written where they fit. Above: adjusted Rand index (ARI)
        and normalised mutual information (NMI).

    Raises
    ------
    InputError
        When there are no domains under `key`, or no such column of labels.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(20, 20, 4, 40, 100)
    >>> sigel.tl.domains(adata, 4, progress=False)
    >>> figure = sigel.pl.domain_confusion(adata, "region")
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    plt = pyplot()
    stored(adata, key)
    found, known = in_order(adata.obs[Keys(key).domain]), _labels(adata, labels)
    told = (found.notna() & known.notna()).to_numpy()
    if not told.any():
        fix = "Choose a column with labels of spots that have a domain."
        raise InputError("labels", f"{labels!r}, without a label", "labels of spots", fix)
    found, known = found[told].cat.remove_unused_categories(), known[told].cat.remove_unused_categories()
    table = pd.crosstab(found, known).to_numpy()
    order = _staircase(table)
    table = table[order]
    share = table / table.sum(axis=1, keepdims=True)

    n_rows, n_cols = table.shape
    width, height = min(n_cols * _CELL[0], 12.0), min(n_rows * _CELL[1], 9.0)
    names = [_short(str(name)) for name in known.cat.categories]
    low = 0.5 if max(map(len, names)) < 8 else 0.07 * max(map(len, names)) * 0.75 + 0.3
    size = (max(width + 1.9, 4.2), max(height, 1.4) + low + 0.75)
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    if width / n_cols > _LETTER * len(f"{table.max()}") + 0.06 and height / n_rows > 0.16:
        for row, column in zip(*np.nonzero(table), strict=True):
            shade = "white" if share[row, column] > 0.6 else "black"
            ax.text(column, row, f"{table[row, column]}", ha="center", va="center", fontsize=8, color=shade)
    turned = max(map(len, names)) * _LETTER > width / n_cols
    style: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    ax.set_xticks(np.arange(n_cols), names, fontsize=8, parse_math=False, **style)
    rows = [str(found.cat.categories[at]) for at in order]
    ax.set_yticks(np.arange(n_rows), rows, fontsize=8, parse_math=False)
    ax.tick_params(length=0)
    ax.set_xlabel(labels, parse_math=False)
    ax.set_ylabel("domain")
    ari = adjusted_rand_score(known.cat.codes, found.cat.codes)
    nmi = normalized_mutual_info_score(known.cat.codes, found.cat.codes)
    ax.set_title(f"ARI {ari:.2f}, NMI {nmi:.2f}", fontsize=11)
    n, without = int(told.sum()), int((~told).sum())
    note = f"{n:,} spots" + (f"; {without:,} without a label left out" if without else "")
    figure.supxlabel(note, fontsize=8, color="0.4")
    figure.colorbar(image, ax=ax, label="share of the domain", shrink=min(0.9, 3.5 / height), pad=0.02)
    ax.spines[:].set_color("0.7")
    return figure


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _labels(adata: AnnData, labels: str) -> pd.Series:
    """Labels as categories in their order, empty text as none."""
    fix = "See adata.obs.columns."
    if not isinstance(labels, str) or labels not in adata.obs:
        raise InputError("labels", unknown_name(labels, adata.obs), "a column of adata.obs", fix)
    column = adata.obs[labels]
    column = in_order(column.where(column.astype(str) != "")).cat.remove_unused_categories()
    n = len(column.cat.categories)
    if n > MOST:
        raise InputError("labels", f"{labels!r} with {n} labels", f"at most {MOST}", fix)
    return column


def _staircase(table: np.ndarray) -> np.ndarray:
    """Order of the rows that makes the diagonal of a table heavy, with columns as they are."""
    from scipy.optimize import linear_sum_assignment

    place = table.argmax(axis=1).astype(float) + 0.5  # after the row that has the column as its own
    rows, columns = linear_sum_assignment(-table)
    # A pair without a spot is no match.
    paired = table[rows, columns] > 0
    place[rows[paired]] = columns[paired]
    return np.lexsort((-table.sum(axis=1), place))
