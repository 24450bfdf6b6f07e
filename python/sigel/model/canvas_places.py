"""Images of one section on the canvas of a model of several."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree

from sigel.images.raster import Raster
from sigel.images.tensors import View


class OnCanvas:
    """Lays images of a section on its part of a canvas; called with a view, it returns one of the canvas.

    Parameters
    ----------
    canvas
        Grid of all sections.
    section
        Number of the section.
    raster
        Grid of the images. Another one than in the fit is met where its pixels lie nearest, in shares of the
        longer sides of the two.
    device
        Where images are.
    """

    def __init__(self, canvas: Raster, section: int, raster: Raster, device: torch.device) -> None:
        self.part, self.n_pixels = canvas.parts[section], canvas.n_pixels
        mine = np.column_stack([canvas.rows[self.part], canvas.cols[self.part]])
        mine = mine - mine.min(axis=0)
        theirs = np.column_stack([raster.rows, raster.cols])
        self.ratio, self.nearest = 1.0, None
        if not np.array_equal(mine, theirs):
            at, among = ((one + 0.5) / (one.max() + 1) for one in (mine, theirs))
            self.nearest = torch.from_numpy(cKDTree(among).query(at)[1]).to(device)
            # A pixel that stands for several has their noise once; one of several that is taken has its own.
            self.ratio = max(1.0, len(mine) / len(theirs))

    def __call__(self, view: View) -> View:
        """The same images on the canvas, 0 on all other sections.

        Parameters
        ----------
        view
            Of images on the section's own grid.
        """
        image = view.image if self.nearest is None else view.image[:, self.nearest]
        laid = image.new_zeros(len(image), self.n_pixels)
        laid[:, self.part] = image
        return view._replace(image=laid, noise=view.noise * self.ratio)
