"""A gene in the mean of each condition: on one frame, or in the domains that sections share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sigel.pl._base import draw_pixels, panel_shape, pyplot
from sigel.pl._colours import colours_of
from sigel.stats.scaling import shown_limits
from sigel.tasks.cohorts.shared_frame import MeanImages

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DIFFERENCE = "RdBu_r"


def draw_means(found: MeanImages, gene: str, cmap: str, scale: str) -> Figure:
    """Mean images in a row, and below them how each differs from the first; two conditions fit one row."""
    n = len(found.conditions)
    titles = [
        f"{name}\nmean of {k} donor{'s' * (k != 1)}"
        for name, k in zip(found.conditions, found.n_donors, strict=True)
    ]
    width, height = panel_shape(found.raster, 2.7)
    n_rows, n_cols = (1, 3) if n == 2 else (2, n)
    size = (n_cols * width + 1.7, n_rows * (height + 0.6) + 0.4)
    figure = pyplot().figure(figsize=size, layout="constrained")
    figure.suptitle(gene, fontsize=12, fontstyle="italic", parse_math=False)
    axes = figure.subplots(n_rows, n_cols, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    limits = shown_limits(found.means)
    for ax, title, values in zip(axes.flat, titles, found.means, strict=False):
        drawn = draw_pixels(ax, found.raster, values, limits, cmap)
        ax.set_title(title, fontsize=10, parse_math=False)
    first = axes[0, :n]
    figure.colorbar(drawn, ax=list(first), shrink=0.7, aspect=20, pad=0.02).set_label(scale, fontsize=8)
    most = float(np.quantile(np.abs(found.differences), 0.99)) or 1.0
    below = [axes[0, 2]] if n == 2 else list(axes[1, 1:])
    for ax, name, values in zip(below, found.conditions[1:], found.differences, strict=True):
        drawn = draw_pixels(ax, found.raster, values, (-most, most), _DIFFERENCE)
        ax.set_title(f"{name}\nminus {found.conditions[0]}", fontsize=10, parse_math=False)
    figure.colorbar(drawn, ax=below, shrink=0.7, aspect=20, pad=0.02).set_label("difference", fontsize=8)
    return figure


def draw_domains(table: pd.DataFrame, gene: str, scale: str) -> Figure:
    """A dot for each donor in each domain, conditions beside each other, and a line at their mean."""
    domains, conditions = (list(table[name].cat.categories) for name in ("domain", "condition"))
    step = 0.8 / len(conditions)
    longest = max(map(len, domains))
    size = (max(0.26 * len(domains) * len(conditions) + 2.4, 4.5), 3.4 + 0.06 * longest)
    figure, ax = pyplot().subplots(figsize=size, layout="constrained")
    for k, (name, shade) in enumerate(zip(conditions, colours_of(conditions), strict=True)):
        own = table[table["condition"] == name]
        middle = own["domain"].cat.codes + (k - (len(conditions) - 1) / 2) * step
        rank, n = own.groupby("domain", observed=True).cumcount(), own.groupby("domain", observed=True)
        of = n["level"].transform("size")
        beside = (rank + 0.5) / of - 0.5  # donors next to each other, so that equal ones are seen
        ax.scatter(middle + 0.6 * step * beside, own["level"], s=22, color=shade, linewidths=0, label=name)
        means = own.assign(at=middle).groupby("at")["level"].mean()
        ax.hlines(means, means.index - 0.4 * step, means.index + 0.4 * step, color=shade, lw=2, alpha=0.6)
    for k in range(1, len(domains)):
        ax.axvline(k - 0.5, color="0.9", lw=0.8, zorder=0)
    many = longest > 4 and longest * len(domains) > 40
    turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if many else {}
    ax.set_xticks(range(len(domains)), domains, fontsize=9, **turned)
    for text in ax.get_xticklabels():
        text.set_parse_math(False)
    ax.set_xlim(-0.5, len(domains) - 0.5)
    ax.set_ylim(bottom=0)
    ax.set_ylabel(scale, fontsize=9)
    ax.set_title(f"{gene} by domain", fontsize=11, parse_math=False)
    legend = figure.legend(
        title="a dot a donor,\na line their mean",
        loc="outside right upper",
        frameon=False,
        fontsize=9,
        title_fontsize=8,
        alignment="left",
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    ax.spines[["top", "right"]].set_visible(False)
    return figure
