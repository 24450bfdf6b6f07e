"""The grid that pictures of gene images share: places, scales, bars, titles."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

import sigel
from sigel.pl._grid import Panel, draw_grid, grid_figure, in_rows


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def raster():
    return sigel.GeneImages.from_anndata(sigel.datasets.simulated_section(10, 10, 2, 4, 8)).raster


@pytest.fixture
def panels(raster):
    rng = np.random.default_rng(0)
    return [Panel(k + rng.normal(size=raster.n_pixels), f"gene_{k}$x$") for k in range(5)]


def drawn(figure):
    """Axes with an image, by their title."""
    return {
        ax.get_title(): next(one for one in ax.collections if isinstance(one, PolyCollection))
        for ax in figure.axes
        if ax.get_title()
    }


def grid(raster, panels, n_cols, **options):
    rows = in_rows(panels, n_cols)
    figure = grid_figure(raster, len(rows), n_cols, width=2.0, title=0.3, beside=0.8)
    draw_grid(
        figure, raster, rows, n_cols, **{"limits": (0.0, 4.0), "cmap": "viridis", "label": "z"} | options
    )
    return figure


@pytest.mark.parametrize("n_cols", [1, 2, 5, 7])
def test_panels_stand_row_by_row_and_free_places_are_blank(raster, panels, n_cols):
    figure = grid(raster, panels, n_cols)
    found = drawn(figure)
    assert list(found) == [panel.title for panel in panels]
    for at, (panel, one) in enumerate(zip(panels, found.values(), strict=True)):
        np.testing.assert_array_equal(one.get_array(), panel.image)
        place = one.axes.get_subplotspec()
        assert (place.rowspan.start, place.colspan.start) == divmod(at, n_cols)
    free = [ax for ax in figure.axes[:-1] if not ax.get_title()]
    assert len(free) == -len(panels) % n_cols
    assert not any(ax.axison for ax in free)
    assert figure.axes[-1].get_ylabel() == "z"
    figure.canvas.draw()  # a title with a sign of mathematics is text


def test_without_common_limits_each_panel_has_its_own_and_a_bar(raster, panels):
    figure = grid(raster, panels, 3, limits=None)
    found = drawn(figure)
    limits = [one.get_clim() for one in found.values()]
    assert len(set(limits)) == len(panels)
    assert sum(ax.get_ylabel() == "z" for ax in figure.axes) == len(panels)
    assert len({one.get_clim() for one in drawn(grid(raster, panels, 3)).values()}) == 1


def test_titles_take_their_own_style(raster, panels):
    panels[1] = panels[1]._replace(style={"color": "0.5"})
    titles = [one.axes.title for one in drawn(grid(raster, panels, 3, fontsize=7)).values()]
    assert [text.get_style() for text in titles] == ["italic", "normal", *["italic"] * 3]
    assert titles[1].get_color() == "0.5"
    assert {text.get_fontsize() for text in titles} == {7}
