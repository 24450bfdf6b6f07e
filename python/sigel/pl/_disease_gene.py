"""Where a gene changes between conditions: in every section, in the mean of each condition, or by domain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.pl._base import check_at_least_one, check_cmap, draw_pixels, pyplot
from sigel.pl._disease_gene_means import draw_domains, draw_means
from sigel.stats.scaling import shown_limits
from sigel.tasks.cohorts.design import against
from sigel.tasks.cohorts.gene_by_domain import gene_by_domain
from sigel.tasks.cohorts.gene_panels import Block, Panel, gene_panels
from sigel.tasks.cohorts.shared_frame import mean_images
from sigel.tl._cohort import Labels, cohort_of
from sigel.tl._fits import image_config

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure, SubFigure

SCALE = "log1p of counts at the median depth"
_WIDTH, _TITLE, _HEADING, _BAR = 1.9, 0.26, 0.34, 0.9  # inches


def disease_gene(
    sections: Sequence[AnnData | str | Path] | Mapping[str, AnnData | str | Path] | AnnData,
    gene: str,
    condition: Labels,
    *,
    control: str | None = None,
    donor: Labels | None = None,
    section_key: str | None = None,
    layer: str | None = None,
    spatial_key: str = "spatial",
    frame: str = "own",
    domain_key: str | None = None,
    ncols: int = 6,
    cmap: str = "viridis",
    config: ImageConfig | dict[str, Any] | None = None,
) -> Figure:
    """Draw one gene in every section at one scale, by condition and donor.

    Parameters
    ----------
    sections, condition, control, donor, section_key, layer, spatial_key
        As in `sigel.tl.disease_genes`; only read.
    gene
        Its name.
    frame
        `"own"`: a panel for each section. `"shared"`, where all sections lie in one frame: the mean image of
        the donors of each condition, and how it differs from that of the first.
    domain_key
        Column of `obs` with domains that sections share; the picture is then the level of the gene in each of
        them, a dot for each donor.
    ncols
        Panels in a row, at most.
    cmap
        Name of a matplotlib colour map, of levels.
    config
        Settings of the images, an `ImageConfig` or a dict of some; `grid`, `pixel_size` and `max_side` are
        read.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. Colours are log1p of the gene's counts, scaled to the median depth of all
        spots over the genes that all sections measured; pixels are smoothed for the eye. A section without
        the gene says "not measured".

    Raises
    ------
    InputError
        When the gene is unknown, an argument cannot be used, or sections lie in different frames.

    Examples
    --------
    >>> import sigel
    >>> sections = sigel.datasets.simulated_cohort((2, 2))
    >>> figure = sigel.pl.disease_gene(sections, "Gene0001", "condition", donor="donor")
    """
    pyplot()
    check_at_least_one(ncols=ncols)
    check_cmap(cmap)
    _check_frame(frame, domain_key)
    cohort = cohort_of(sections, section_key, layer, spatial_key)
    of_condition = against(cohort.of_sections(condition, "condition"), control)
    of_donor = None if donor is None else cohort.of_sections(donor, "donor")
    given = (cohort.held, gene, of_condition, of_donor)
    if domain_key is not None:
        return draw_domains(gene_by_domain(*given, cohort.of_spots(domain_key, "domain_key")), gene, SCALE)
    settings = image_config(config, {})
    if frame == "shared":
        return draw_means(mean_images(*given, settings), gene, cmap, SCALE)
    return _draw_sections(gene_panels(*given, settings), gene, ncols, cmap)


def _check_frame(frame: str, domain_key: str | None) -> None:
    if frame not in ("own", "shared"):
        raise InputError("frame", repr(frame), "'own' or 'shared'", "Use frame='own'.")
    if domain_key is not None and frame != "own":
        fix = "Leave one of them out."
        raise InputError("domain_key", "a column beside frame='shared'", "one kind of picture", fix)


def _draw_sections(blocks: list[Block], gene: str, ncols: int, cmap: str) -> Figure:
    """A block of rows for each condition, beside them the colour bar."""
    panels = [panel for block in blocks for panel in block.panels]
    n_cols = min(ncols, max(len(block.panels) for block in blocks))
    limits = shown_limits(np.concatenate([panel.values for panel in panels if panel.values is not None]))
    height = _WIDTH * float(np.median([_ratio(panel) for panel in panels]))
    n_rows = [math.ceil(len(block.panels) / n_cols) for block in blocks]
    tall = [n * (height + _TITLE) + _HEADING for n in n_rows]
    width = max(n_cols * _WIDTH, 3.0)
    figure = pyplot().figure(figsize=(width + _BAR, sum(tall) + 0.4), layout="constrained")
    figure.suptitle(gene, fontsize=12, fontstyle="italic", parse_math=False)
    left, right = figure.subfigures(1, 2, width_ratios=[width, _BAR])
    rows = np.atleast_1d(left.subfigures(len(blocks), 1, height_ratios=tall))
    drawn = [
        _draw_block(row, block, n, n_cols, limits, cmap)
        for row, block, n in zip(rows, blocks, n_rows, strict=True)
    ]
    share = _share(sum(tall))
    ax = right.add_axes((0.02, 0.5 - 0.5 * share, 0.16, share))
    bar = figure.colorbar(next(one for one in drawn if one is not None), cax=ax)
    bar.set_label(SCALE, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return figure


def _share(height: float) -> float:
    """Of the height of a figure that a colour bar takes."""
    return min(0.8, 2.2 / height)


def _draw_block(
    figure: SubFigure, block: Block, n_rows: int, n_cols: int, limits: tuple[float, float], cmap: str
) -> PolyCollection | None:
    """The sections of one condition; returns what a colour bar can stand for."""
    figure.suptitle(block.heading, fontsize=10, fontweight="bold", x=0.01, ha="left", parse_math=False)
    axes = figure.subplots(n_rows, n_cols, squeeze=False)
    drawn = None
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, panel in zip(axes.flat, block.panels, strict=False):
        ax.set_title(panel.title, fontsize=8, pad=4, parse_math=False)
        if panel.values is None:
            ax.set_aspect(_ratio(panel))
            ax.text(0.5, 0.5, "not measured", ha="center", va="center", fontsize=9, color="0.4")
            continue
        drawn = draw_pixels(ax, panel.raster, panel.values, limits, cmap)
    return drawn


def _ratio(panel: Panel) -> float:
    across, down = np.ptp(panel.raster.coordinates(), axis=0)
    return float(np.clip(down / max(across, 1e-9), 0.4, 2.0))
