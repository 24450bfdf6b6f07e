"""Pictures of `sigel.pl` within the page, each with how to read it and when not to trust it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sigel.pl import _base

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Dots per inch: sharp at the width of a page, some tens of kB a picture.
_DPI = 110


@dataclass(frozen=True)
class Picture:
    """A picture and its words.

    Parameters
    ----------
    source
        Its PNG file as an address of the kind `data:`.
    width, height
        In pixels of the page.
    alt
        What it shows, for who cannot see it.
    read, beware
        How to read it, and when not to trust it; a sentence each.
    """

    source: str
    width: int
    height: int
    alt: str
    read: str
    beware: str


def picture(draw: Callable[[], Figure], *, alt: str, read: str, beware: str) -> Picture:
    """Draw, and close what was drawn; settings and windows of the caller stay as they are.

    Parameters
    ----------
    draw
        Returns a figure of matplotlib.
    alt, read, beware
        As in `Picture`.
    """
    import matplotlib as mpl

    plt = _base.pyplot()
    kept: Any = {name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"}
    with mpl.rc_context(kept), plt.ioff():
        figure = draw()
        try:
            file = io.BytesIO()
            figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
            width, height = (round(float(side) * 96) for side in figure.get_size_inches())
        finally:
            plt.close(figure)
    return Picture(address(file.getvalue()), width, height, alt, read, beware)


def address(png: bytes) -> str:
    """A PNG file as an address of the kind `data:`.

    Parameters
    ----------
    png
        The file.
    """
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def viridis(n: int) -> np.ndarray:
    """Red, green and blue of `n` colours from dark to bright, uint8: told apart with each kind of vision.

    Parameters
    ----------
    n
        How many.
    """
    import matplotlib as mpl

    return np.rint(255 * mpl.colormaps["viridis"](np.linspace(0, 1, n))[:, :3]).astype(np.uint8)
