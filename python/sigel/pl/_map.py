"""The map of genes: representations in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sigel.errors import InputError, number_of, unknown_name
from sigel.keys import NO_PATTERN
from sigel.pl._base import pyplot
from sigel.pl._colours import colours_of
from sigel.tasks.gene_map import AXES, Method, check_method
from sigel.tasks.gene_map import gene_map as layout
from sigel.tl._fits import groups_under

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MANY = 20  # categories beyond which a legend is no longer read


def gene_map(
    adata: AnnData,
    *,
    key: str = "sigel",
    color: str | None = None,
    labels: Sequence[str] = (),
    method: Method = "tsne",
    seed: int = 0,
    ax: Axes | None = None,
) -> Figure:
    """Lay the gene representations out in the plane, one dot a gene.

    Parameters
    ----------
    adata
        An AnnData with the results of `sigel.tl.embed`; only read, nothing is stored.
    key
        `key_added` of `sigel.tl.embed`.
    color
        Column of `var` that colours the dots, categories or numbers; default: the gene groups, each named
        above its gene nearest to the medians of its places.
    labels
        Names of genes to write on the map.
    method
        `"tsne"` (default; shows groups; a minute for 10,000 genes) or `"pca"` (instant; keeps distances).
    seed
        Seed of t-SNE.
    ax
        Where to draw; default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, or that of `ax`; not shown.

    Raises
    ------
    InputError
        When there are no results under `key`, or a column or gene is unknown.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> quick = {"train": {"pretrain_epochs": 1, "refine_epochs": 1}}
    >>> sigel.tl.embed(adata, config=quick, progress=False)
    >>> figure = sigel.pl.gene_map(adata, method="pca", labels=["Gene0001"])
    """
    plt = pyplot()
    keys, z = groups_under(adata, key)
    check_method(method)
    color = keys.group if color is None else color
    if color not in adata.var:
        known = ", ".join(map(str, adata.var.columns))
        raise InputError("color", repr(color), "a column of adata.var", f"There are: {known}.")
    embedded = np.isfinite(z).all(axis=1)
    labels = [labels] if isinstance(labels, str) else list(labels)
    row = pd.Series(np.cumsum(embedded) - 1, index=adata.var_names)[embedded]
    for gene in labels:
        if gene not in row.index:
            found = unknown_name(gene, row.index)
            if gene in adata.var_names:
                found = f"{gene!r}, which is not among the {len(row)} embedded genes"
            raise InputError("labels", found, "names of embedded genes", f'See adata.var["{keys.status}"].')
    place = layout(z[embedded], method=method, seed=seed)

    if ax is None:
        ax = plt.subplots(figsize=(6.5, 5.5), layout="constrained")[1]
    _dots(ax, place, adata.var.loc[embedded, color], numbers_on_groups=color == keys.group)
    for gene in labels:
        at = place[row[gene]]
        ax.plot(*at, "o", ms=6, mfc="none", mec="black", mew=1)
        _written(ax, at, gene, offset=(7, 5), fontstyle="italic", fontsize=9)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(f"{AXES[method]} 1")
    ax.set_ylabel(f"{AXES[method]} 2")
    ax.set_title("Map of the genes\n" + _said_of(adata.var.loc[embedded, keys.group]), fontsize=11)
    ax.spines[["top", "right"]].set_visible(False)
    return ax.figure.figure  # also of axes of a subfigure


def _said_of(groups: pd.Series) -> str:
    """How many genes there are, and groups; genes without a pattern are none of these."""
    numbered = set(groups.dropna()) - {NO_PATTERN}
    return f"{number_of(len(groups), 'gene')} in {number_of(len(numbered), 'group')}"


def _dots(ax: Axes, place: np.ndarray, values: pd.Series, *, numbers_on_groups: bool) -> None:
    size = float(np.clip(12000 / max(len(place), 1), 3, 24))
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        drawn = ax.scatter(
            place[:, 0], place[:, 1], c=values.to_numpy(float), s=size, cmap="viridis", linewidths=0
        )
        ax.figure.colorbar(drawn, ax=ax, shrink=0.6).set_label(str(values.name), parse_math=False)
        return
    values = values.astype("category").cat.remove_unused_categories()
    categories = list(values.cat.categories)
    for category, shade in zip(categories, colours_of(list(map(str, categories))), strict=True):
        at = place[(values == category).to_numpy()]
        ax.scatter(at[:, 0], at[:, 1], s=size, color=[shade], linewidths=0, label=str(category))
        if numbers_on_groups:
            # Above the dot, which would be hidden.
            _written(ax, _middle(at), str(category), (0, 8), fontweight="bold", fontsize=9, ha="center")
    if not numbers_on_groups and len(categories) <= _MANY:
        legend = ax.legend(
            title=str(values.name), frameon=False, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5)
        )
        for text in (*legend.get_texts(), legend.get_title()):
            text.set_parse_math(False)


def _middle(at: np.ndarray) -> np.ndarray:
    """The place nearest to the medians of all, where often none is."""
    return at[np.square(at - np.median(at, axis=0)).sum(axis=1).argmin()]


def _written(ax: Axes, at: np.ndarray, text: str, offset: tuple[int, int] = (0, 0), **style: Any) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground="white")]
    ax.annotate(
        text,
        (float(at[0]), float(at[1])),
        xytext=offset,
        textcoords="offset points",
        path_effects=halo,
        va="center",
        parse_math=False,
        **style,
    )
