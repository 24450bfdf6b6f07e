"""How spatial domains and known labels go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sigel.errors import InputError, number_of, unknown_name
from sigel.keys import Keys
from sigel.pl._base import pyplot
from sigel.pl._colours import MOST, in_order
from sigel.pl._domains import stored
from sigel.tasks.domains.agreement import agreement

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

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
    plt = pyplot()
    stored(adata, key)
    found, known = in_order(adata.obs[Keys(key).domain]), _labels(adata, labels)
    told = (found.notna() & known.notna()).to_numpy()
    if not told.any():
        fix = "Choose a column with labels of spots that have a domain."
        raise InputError("labels", f"{labels!r}, without a label", "labels of spots", fix)
    found, known = found[told].cat.remove_unused_categories(), known[told].cat.remove_unused_categories()
    both = agreement(found.cat.codes.to_numpy(), known.cat.codes.to_numpy())
    rows = [str(found.cat.categories[at]) for at in both.order]
    columns = [_short(str(name)) for name in known.cat.categories]

    width, height = min(len(columns) * _CELL[0], 12.0), min(len(rows) * _CELL[1], 9.0)
    longest = max(map(len, columns))
    low = 0.5 if longest < 8 else 0.07 * longest * 0.75 + 0.3
    size = (max(width + 1.9, 4.2), max(height, 1.4) + low + 0.75)
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    image = _draw_table(ax, both.table, width, height)
    turned = longest * _LETTER > width / len(columns)
    style: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    ax.set_xticks(np.arange(len(columns)), columns, fontsize=8, parse_math=False, **style)
    ax.set_yticks(np.arange(len(rows)), rows, fontsize=8, parse_math=False)
    ax.tick_params(length=0)
    ax.set_xlabel(labels, parse_math=False)
    ax.set_ylabel("domain")
    ax.set_title(f"ARI {both.ari:.2f}, NMI {both.nmi:.2f}", fontsize=11)
    n, without = int(told.sum()), int((~told).sum())
    note = f"{n:,} spots" + (f"; {without:,} without a label left out" if without else "")
    figure.supxlabel(note, fontsize=8, color="0.4")
    figure.colorbar(image, ax=ax, label="share of the domain", shrink=min(0.9, 3.5 / height), pad=0.02)
    ax.spines[:].set_color("0.7")
    return figure


def _draw_table(ax: Axes, table: np.ndarray, width: float, height: float) -> AxesImage:
    """Shares of the rows as colours, and the numbers where they fit; inches of the whole table."""
    share = table / table.sum(axis=1, keepdims=True)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    n_rows, n_cols = table.shape
    if width / n_cols > _LETTER * len(f"{table.max()}") + 0.06 and height / n_rows > 0.16:
        for row, column in zip(*np.nonzero(table), strict=True):
            shade = "white" if share[row, column] > 0.6 else "black"
            ax.text(column, row, f"{table[row, column]}", ha="center", va="center", fontsize=8, color=shade)
    return image


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
        raise InputError("labels", f"{labels!r} with {number_of(n, 'label')}", f"at most {MOST}", fix)
    return column
