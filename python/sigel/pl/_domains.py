"""Spatial domains on the tissue, and how stable they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sigel.errors import InputError, unknown_name
from sigel.images.section import check_section
from sigel.keys import Keys
from sigel.pl._base import pyplot
from sigel.pl._colours import add_legend, colours_of, in_order, legend_size, shades_of
from sigel.pl._stability import draw_stability
from sigel.pl._tissue import draw_parts, grid_of, parts_of, write_names
from sigel.tl._fits import domains_told

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure


def domains(
    adata: AnnData,
    *,
    key: str = "sigel",
    color: str | None = None,
    spatial_key: str | None = None,
    section_key: str | None = None,
    histology: bool | str | None = None,
) -> Figure:
    """Spatial domains on the tissue, a panel for each section.

    Parameters
    ----------
    adata
        An AnnData with the results of `sigel.tl.domains`, or, with `color`, any with coordinates; only read.
    key
        `key_added` of that call.
    color
        Column of `obs` shown instead of the domains, categories or numbers: known labels, or
        `"sigel_domain_prob"` for where the starts disagree. No domains are needed for it.
    spatial_key
        Key in `obsm` of the coordinates; default: that of the call.
    section_key
        Column of `obs` that tells sections apart, each of which gets a panel; default: that of the call.
    histology
        Whether the picture of the tissue in `adata.uns["spatial"]` lies under the spots, paled: None, where
        there is one and spots leave room for it, as Visium's do; True, also where they hide most of it;
        False, never; `"hires"` or `"lowres"`, that one.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. Spots of a lattice are pixels that touch, others discs, and over a picture of
        the tissue discs of their true width; y points down, and sections are on one scale. A domain has the
        same colour in every picture of the object, and its number where there is room; the legend has its
        number of spots. Grey: spots without a value.

    Raises
    ------
    InputError
        When there are no domains under `key`, and no `color`; or no such column, coordinates or picture.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(20, 20, 4, 40, 100)
    >>> sigel.tl.domains(adata, 4, progress=False)
    >>> figure = sigel.pl.domains(adata)
    """
    plt = pyplot()
    check_section(adata)
    # A key that was named is meant; without one a column of any object is shown.
    without = color is not None and key == "sigel" and domains_told(adata, key) is None
    info: Mapping[str, Any] = {} if without else stored(adata, key)
    if color is not None and not (isinstance(color, str) and color in adata.obs):
        raise InputError("color", unknown_name(color, adata.obs), "a column of adata.obs", "Leave color out.")
    if section_key is not None:
        if section_key not in adata.obs:
            found = unknown_name(section_key, adata.obs)
            raise InputError("section_key", found, "a column of adata.obs", "Leave section_key out.")
        info = {**info, "section_key": section_key}
    column = Keys(key).domain if color is None else color
    values = adata.obs[column]
    shades = shades_of(in_order(values), "key") if color is None else shades_of(values, "color")
    parts = parts_of(adata, info, spatial_key, histology=histology)
    n_rows, n_cols, width, height = grid_of(parts, 5.5)
    down = max(n_rows * (height + (0.25 if parts[0].name else 0.0)) + 0.4, 2.0)
    n_legend, beside = legend_size(shades, down) if shades.names else (1, 0.8)
    figure = plt.figure(figsize=(n_cols * width + beside, down), layout="constrained")
    drawn = draw_parts(figure, parts, shades)
    panels = figure.axes[: len(parts)]
    if not shades.names:
        figure.colorbar(drawn, ax=figure.axes, shrink=min(0.8, 1.6 / n_rows), aspect=15, pad=0.02)
    else:
        add_legend(figure, shades, "domain (spots)" if color is None else f"{color} (spots)", n_legend)
    title = column
    if color is None:
        for ax, part in zip(panels, parts, strict=True):
            write_names(ax, part, shades)
        n = len(np.unique(shades.values[np.isfinite(shades.values)]))
        title = "1 domain" if n == 1 else f"{n} domains"
    if parts[0].name:
        figure.suptitle(title, fontsize=11, parse_math=False)
    else:
        panels[0].set_title(title, fontsize=11, parse_math=False)
    return figure


def domain_stability(adata: AnnData, *, key: str = "sigel") -> Figure:
    """Stability of each domain over the seeds of `sigel.tl.domain_stability`, and of each spot.

    Parameters
    ----------
    adata
        An AnnData with the results of `sigel.tl.domain_stability`; only read.
    key
        The `key` of that call.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; not shown. Left, the most stable domain first: a dot is the mean over seeds of the Jaccard
        index with the most similar domain, its area the number of spots; the line goes down to the worst
        seed. Dashed: where a domain counts as found again (0.75) and as dissolved (0.5). Right: the share of
        the seeds in which a spot kept its domain.

    Raises
    ------
    InputError
        When there is no stability under `key`, or one of other domains.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(20, 20, 4, 40, 100)
    >>> sigel.tl.domains(adata, 4, progress=False)
    >>> table = sigel.tl.domain_stability(adata, n_seeds=2, progress=False)
    >>> figure = sigel.pl.domain_stability(adata)
    """
    plt = pyplot()
    info, keys = stored(adata, key), Keys(key)
    found = info.get("stability")
    fix = f'Call sigel.tl.domain_stability(adata, key="{key}") first.'
    if found is None or keys.domain_stability not in adata.obs:
        raise InputError("key", f"{key!r}, under which there is no stability", "domains that were tried", fix)
    label = [str(name) for name in found["domain"]]
    if not set(adata.obs[keys.domain].dropna().astype(str)) <= set(label):
        raise InputError("key", f"{key!r}, with the stability of other domains", "that of these", fix)
    shades = shades_of(adata.obs[keys.domain_stability], "key")._replace(limits=(0.0, 1.0))
    parts = parts_of(adata, info, None)
    n_rows, n_cols, width, height = grid_of(parts, 4.2)
    left = max(4.0, 0.28 * len(label) + 1.4)
    right = n_cols * width + 0.9
    down = max(n_rows * (height + 0.25) + 0.35, 3.4)
    figure = plt.figure(figsize=(left + right, down), layout="constrained")
    bars, tissue = figure.subfigures(1, 2, width_ratios=[left, right], wspace=0.04)
    ax = bars.subplots()
    colours = colours_of(label)
    draw_stability(ax, found, label, found["n_spots"], colours, "domain", "spots")
    n = np.size(found["seeds"])
    seeds = "One more seed" if n == 1 else f"{n} more seeds"
    ax.set_title(f"{seeds}: adjusted Rand index {float(found['ari']):.2f}", fontsize=10)
    if down > 4.5:
        ax.set_box_aspect(3.2 / (left - 1.3))  # beside a tall tissue it would be stretched
        ax.set_anchor("N")
    drawn = draw_parts(tissue, parts, shades)
    bar = tissue.colorbar(drawn, ax=tissue.axes, shrink=min(0.8, 1.6 / n_rows), aspect=15, pad=0.02)
    bar.ax.tick_params(labelsize=8)
    tissue.suptitle("share of seeds in which a spot kept its domain", fontsize=10)
    return figure


def stored(adata: AnnData, key: str) -> Mapping[str, Any]:
    """What `sigel.tl.domains` wrote in `uns`; or a message."""
    check_section(adata)
    known = [name for name, value in adata.uns.items() if isinstance(value, Mapping) and "domains" in value]
    if key in known and Keys(key).domain in adata.obs:
        return adata.uns[key]["domains"]
    none = key in adata.uns or not known
    found = f"{key!r}, under which there are no domains" if none else unknown_name(key, known)
    fix = f"Call sigel.tl.domains(adata, key_added={key!r}) first."
    raise InputError("key", found, "results of sigel.tl.domains", fix)
