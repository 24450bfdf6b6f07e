"""Images of genes as small pictures in one file of the PNG format, a tile each."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from scipy.spatial import cKDTree

from sigel.images import GeneImages
from sigel.images.canvas import near_each_other
from sigel.images.raster import Raster, spacing_of
from sigel.images.tensors import ImageViews
from sigel.pl._base import limits_of

# Colours of a tile, numbered from 1; 0 is what lies beside the tissue. Sixteen fit half a byte.
N_LEVELS = 15
# No picture is wider: browsers refuse textures beyond 16,384 pixels.
_WIDEST = 4096
# Nor higher.
_TALLEST = 16_384
# Images that are drawn at a time.
_BATCH = 512
# Spacings of pixels within which a point beside all of them is tissue: the corner of a square is 0.71 away.
_REACH = 0.75


@dataclass(frozen=True)
class Frame:
    """How the pixels of a section become those of a tile.

    Parameters
    ----------
    shape
        Height and width of a tile.
    weights
        `(height * width, n_pixels)`: what each pixel of the section adds to each of the tile. Rows sum to 1
        within the tissue, and to 0 beside it.
    size
        Width and height of what a tile shows: of one section in the units of the coordinates, of several in
        spacings of their pixels.
    """

    shape: tuple[int, int]
    weights: sparse.csr_matrix
    size: tuple[float, float]

    @classmethod
    def of(cls, raster: Raster, side: int) -> Frame:
        """Tiles whose longer side has so many pixels at most, y pointing down as on a slide.

        Parameters
        ----------
        raster
            The grid of the section; several lie near each other.
        side
            Pixels.
        """
        places = near_each_other(raster).coordinates()
        pitch = spacing_of(places)
        low, extent = places.min(axis=0) - pitch / 2, np.ptp(places, axis=0) + pitch
        # Half a spacing shows the shape of single spots; smaller pixels would show nothing more.
        step = max(pitch / 2, float(extent.max()) / side)
        width, height = (max(int(n), 1) for n in np.ceil(extent / step - 1e-9))
        col, row = np.minimum(((places - low) / step).astype(int), [width - 1, height - 1]).T
        inside = row * width + col
        filled = np.bincount(inside, minlength=height * width)
        source, target = np.arange(len(places)), inside
        # Pixels of the tile between those of the section show the nearest.
        empty = np.flatnonzero(filled == 0)
        centres = low + step * (np.column_stack([empty % width, empty // width]) + 0.5)
        away, nearest = cKDTree(places).query(centres)
        near = away <= _REACH * pitch
        source, target = np.r_[source, nearest[near]], np.r_[target, empty[near]]
        share = 1.0 / np.maximum(np.bincount(target, minlength=height * width), 1)[target]
        shape = (height * width, len(places))
        weights = sparse.csr_matrix((share.astype(np.float32), (target, source)), shape=shape)
        return cls((height, width), weights, (float(extent[0]), float(extent[1])))

    def tiles(self, values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
        """Levels `(n, height, width)` of values of pixels `(n, n_pixels)`; 0 beside the tissue.

        Parameters
        ----------
        values
            Images.
        limits
            Values of the lowest colour and of the highest.
        """
        laid = np.asarray(self.weights @ np.asarray(values, dtype=np.float32).T).T
        low, high = limits
        level = np.clip((laid - low) / (high - low) * N_LEVELS, 0, N_LEVELS - 1).astype(np.uint8) + 1
        level[:, np.diff(self.weights.indptr) == 0] = 0
        return level.reshape(-1, *self.shape)


def limits_over(images: GeneImages, rows: np.ndarray) -> tuple[float, float]:
    """Values of the lowest colour and of the highest, for the images of some genes.

    Parameters
    ----------
    images
        The gene images.
    rows
        Genes; of many, evenly spread ones are looked at.
    """
    some = rows[:: max(1, len(rows) // _BATCH)]
    return limits_of(ImageViews(images).shown(torch.from_numpy(some)).numpy())


def tiles_of(images: GeneImages, frame: Frame, rows: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Tiles of some genes, `(n, height, width)`.

    Parameters
    ----------
    images
        The gene images.
    frame
        How they are laid out.
    rows
        Genes, by their rows in `images`.
    limits
        As in `Frame.tiles`.
    """
    views = ImageViews(images)
    made = [frame.tiles(views.shown(batch).numpy(), limits) for batch in torch.from_numpy(rows).split(_BATCH)]
    return np.concatenate([np.zeros((0, *frame.shape), dtype=np.uint8), *made])


def across(shape: tuple[int, int]) -> int:
    """How many tiles stand side by side.

    Parameters
    ----------
    shape
        Height and width of a tile.
    """
    return max(1, _WIDEST // shape[1])


def most(shape: tuple[int, int]) -> int:
    """How many tiles have room in a picture that browsers show.

    Parameters
    ----------
    shape
        Height and width of a tile.
    """
    return across(shape) * max(1, _TALLEST // shape[0])


def sprite(tiles: np.ndarray, palette: np.ndarray) -> bytes:
    """A PNG file with all tiles, row by row.

    Parameters
    ----------
    tiles
        Levels `(n, height, width)`.
    palette
        Red, green and blue of level 1 on, uint8 `(15, 3)`.
    """
    from PIL import Image

    n, height, width = tiles.shape
    wide = min(across((height, width)), max(n, 1))
    rows = -(-max(n, 1) // wide)
    grid = np.zeros((rows * wide, height, width), dtype=np.uint8)
    grid[:n] = tiles
    laid = grid.reshape(rows, wide, height, width).swapaxes(1, 2).reshape(rows * height, wide * width)
    picture = Image.fromarray(laid, "P")
    picture.putpalette(bytes(3) + palette.astype(np.uint8).tobytes())
    file = io.BytesIO()
    picture.save(file, "PNG", bits=4, transparency=0, compress_level=9)
    return file.getvalue()
