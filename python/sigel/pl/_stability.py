"""How stable the gene groups are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sigel.errors import InputError
from sigel.pl._base import pyplot
from sigel.tl._fits import groups_under

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Hennig 2007: a group below the first has dissolved, one above the second is found again.
DISSOLVED, FOUND_AGAIN = 0.5, 0.75


def group_stability(adata: AnnData, *, key: str = "sigel") -> Figure:
    """Stability of each gene group over the fits of `sigel.tl.group_stability`, the most stable first.

    Parameters
    ----------
    adata
        An AnnData with the results of `sigel.tl.group_stability`; only read.
    key
        The `key` of that call.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. A dot is the mean over fits of the Jaccard index with the most similar group,
        its area the number of genes; the line goes down to the worst fit. Dashed: where a group counts as
        found again (0.75) and as dissolved (0.5).

    Raises
    ------
    InputError
        When there is no stability under `key`.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    >>> sigel.tl.embed(adata, preset="fast", progress=False)
    >>> table = sigel.tl.group_stability(adata, n_seeds=1, progress=False)
    >>> figure = sigel.pl.group_stability(adata)
    """
    plt = pyplot()
    keys, _ = groups_under(adata, key)
    found = adata.uns.get(keys.info, {}).get("stability")
    if found is None:
        fix = f'Call sigel.tl.group_stability(adata, key="{key}") first.'
        raise InputError("key", f"{key!r}, under which there is no stability", "groups that were tried", fix)
    label = np.asarray(found["group"]).astype(str).tolist()
    figure, ax = plt.subplots(figsize=(max(4.5, 0.28 * len(label) + 1.8), 3.4), layout="constrained")
    draw_stability(ax, found, label, found["n_genes"], ["#3b6ea8"] * len(label), "gene group", "genes")
    n_fits = np.size(found["seeds"])
    fits = "one more fit" if n_fits == 1 else f"{n_fits} more fits"
    ax.set_title(f"Groups in {fits}: adjusted Rand index {float(found['ari']):.2f}", fontsize=10)
    return figure


def draw_stability(
    ax: Axes,
    found: Mapping[str, Any],
    label: Sequence[str],
    size: np.ndarray,
    colours: Sequence[str],
    part: str,
    members: str,
) -> None:
    """A dot for each part, the most stable first, and a line down to its worst seed."""
    mean, lowest, size = (np.asarray(one, float) for one in (found["stability"], found["lowest"], size))
    order = np.lexsort((-size, -mean))
    place, shades = np.arange(len(mean)), [colours[at] for at in order]
    for limit, text in ((FOUND_AGAIN, "found again"), (DISSOLVED, "dissolved")):
        ax.axhline(limit, ls="--", lw=0.8, color="0.6", zorder=0)
        side = "bottom" if limit == FOUND_AGAIN else "top"
        ax.text(1.01, limit, text, transform=ax.get_yaxis_transform(), fontsize=8, color="0.4", va=side)
    ax.vlines(place, lowest[order], mean[order], color=shades, lw=1.5, alpha=0.6)
    ax.scatter(
        place, mean[order], s=15 + 105 * size[order] / size.max(), color=shades, zorder=3, linewidths=0
    )
    many = len(mean) > 30
    style: dict[str, Any] = {"rotation": 90 if many else 0, "fontsize": 7 if many else 8, "parse_math": False}
    ax.set_xticks(place, [label[at] for at in order], **style)
    ax.set_xlim(-0.7, len(mean) - 0.3)
    ax.set_ylim(0, 1.04)
    ax.set_xlabel(f"{part} (area of the dot: number of {members})", fontsize=9)
    ax.set_ylabel("Jaccard index, mean and lowest", fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
