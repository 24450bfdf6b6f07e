"""Training curves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sigel.errors import InputError
from sigel.images.section import check_section
from sigel.keys import Keys
from sigel.pl._base import pyplot

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In the order of the panels; a column that is not named here follows under its own name.
_TITLES = {
    "loss": "total loss",
    "reconstruct": "hidden patches",
    "held_out": "genes held out",
    "neighbors": "foretold by near genes",
    "contrast": "two views of a gene",
    "cluster": "distance to target groups",
    "likelihood": "-log likelihood of groups",
    "size": "uneven group sizes",
    "graph": "neighbouring genes",
    "changed": "genes that changed group",
    "rank": "effective dimensions",
    "n_groups": "groups in use",
}
_NO_CURVE = (
    "stage",
    "epoch",
    "seconds",
    "stopped",
    "held_out_start",
    "neighbors_start",
    "kept_epoch",
    "foretold",
)
_NO_EPOCHS = ("eigenimages", "groups")
_COLOURS = ("#3b6ea8", "#c8553d", "#5b8e4b", "#8a5a9e")


def history(
    source: AnnData | Mapping[str, Any],
    *,
    key: str = "sigel",
    ax: Axes | None = None,
) -> Figure:
    """Training curves: the loss, its terms and what the refinement watches, by epoch.

    Parameters
    ----------
    source
        An AnnData with the results of `sigel.tl.embed`, or the history itself: columns of equal length.
    key
        `key_added` of `sigel.tl.embed`.
    ax
        Draw the total loss alone here; default: a new figure with a panel for each column.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown.

    Raises
    ------
    InputError
        When there is no history, or nothing was trained (`preset="fast"`).

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> quick = {"train": {"pretrain_epochs": 2, "refine_epochs": 1}}
    >>> sigel.tl.embed(adata, config=quick, progress=False)
    >>> figure = sigel.pl.history(adata)
    """
    plt = pyplot()
    columns = _columns(source, key)
    stage = np.asarray(columns["stage"]).astype(str)
    names = [
        *(name for name in _TITLES if name in columns),
        *(name for name in columns if name not in _TITLES),
    ]
    trained = ~np.isin(stage, _NO_EPOCHS)
    stage = stage[trained]
    curves = {
        name: np.asarray(columns[name], dtype=float)[trained] for name in names if name not in _NO_CURVE
    }
    curves = {name: curve for name, curve in curves.items() if np.isfinite(curve).any()}
    if ax is not None:
        _draw(ax, stage, curves["loss"])
        ax.set_ylabel(_TITLES["loss"])
        ax.set_xlabel("epoch")
        ax.legend(frameon=False)
        return ax.figure  # type: ignore[return-value]  # of a SubFigure too

    n_cols = min(4, len(curves))
    n_rows = math.ceil(len(curves) / n_cols)
    figure, axes = plt.subplots(
        n_rows, n_cols, figsize=(2.8 * n_cols, 2.1 * n_rows + 0.5), squeeze=False, layout="constrained"
    )
    for panel, (name, curve) in zip(axes.flat, curves.items(), strict=False):
        _draw(panel, stage, curve)
        panel.set_title(_TITLES.get(name, name.replace("_", " ")), fontsize=9)
        panel.tick_params(labelsize=8)
    for panel in axes.flat[len(curves) :]:
        panel.set_axis_off()
    lines, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside upper right", ncols=len(names), frameon=False, fontsize=9)
    figure.supxlabel("epoch", fontsize=9)
    return figure


def _columns(source: AnnData | Mapping[str, Any], key: str) -> Mapping[str, Any]:
    columns: Any = source
    if not isinstance(source, Mapping):
        check_section(source)
        columns = source.uns.get(Keys(key).info, {}).get("history")
    if not columns or not {"stage", "loss"} <= set(columns) or len(columns["stage"]) == 0:
        fix = "Call sigel.tl.embed(adata) first, with a preset that trains for at least one epoch."
        raise InputError("source", "no training history", 'columns "stage" and "loss"', fix)
    return columns


def _draw(ax: Axes, stage: np.ndarray, curve: np.ndarray) -> None:
    """One curve over all epochs, each stage in its colour."""
    from matplotlib.ticker import MaxNLocator

    epoch = np.arange(1, len(curve) + 1)
    for name, colour in zip(dict.fromkeys(stage), _COLOURS * len(stage), strict=False):
        here = (stage == name) & np.isfinite(curve)
        ax.plot(epoch[here], curve[here], "o-", ms=3, lw=1.5, color=colour, label=name)
    ax.set_xlim(0.5, len(curve) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    if (curve[np.isfinite(curve)] % 1 == 0).all():
        ax.yaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    ax.grid(visible=True, alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
