"""Names in a column beside the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def name_beside(ax: Axes, names: np.ndarray, x: np.ndarray, y: np.ndarray, *, left: bool = False) -> None:
    """Write names in a column beside the axes, each with a line to its dot, so that none covers another."""
    across, side, tied = (-0.02, "right", 1) if left else (1.02, "left", 0)
    low, high = ax.get_ylim()
    at = (y - low) / (high - low)  # share of the height of the axes
    order = np.argsort(-at, kind="stable")
    step = min(0.055, 1.0 / max(len(names), 1))
    free = 1.0
    for rank, gene in enumerate(order):
        rest = (len(order) - 1 - rank) * step  # room that the names below need
        place = max(min(float(at[gene]), free), rest)
        free = place - step
        ax.annotate(
            names[gene],
            (x[gene], y[gene]),
            xytext=(across, place),
            textcoords="axes fraction",
            fontsize=9,
            fontstyle="italic",
            ha=side,
            va="center",
            parse_math=False,
            arrowprops={"arrowstyle": "-", "color": "0.6", "lw": 0.6, "shrinkA": 1, "relpos": (tied, 0.5)},
        )
