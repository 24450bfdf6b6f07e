"""Coordinates and array positions of any values."""

from __future__ import annotations

import numpy as np
from harness import fuzz, sigel

from sigel.images.raster import rasterise


def work(data: bytes) -> None:
    if len(data) < 3:
        return
    kind, places = data[0], data[1:]
    n = min(len(places) // 8, 2000) // 2
    values = np.frombuffer(places[: 16 * n], dtype=np.float64 if kind & 1 else np.int64).reshape(n, 2)
    if kind & 2:  # near each other, as places are
        values = values.astype(np.int64) % 97 if kind & 4 else np.asarray(values % 977.0, dtype=np.float64)
    xy = values.astype(np.float64) if kind & 8 else values
    lattice = None
    if kind & 16:
        lattice = values[:, ::-1] if kind & 32 else (values.astype(np.int64) % 31)
    grid = ("auto", "lattice", "continuous")[kind % 3]
    raster = rasterise(None if kind & 64 else xy, lattice, sigel.ImageConfig(grid=grid))
    assert raster.pixel_of_spot.shape == (n,)
    assert raster.pixel_of_spot.min() >= 0
    assert raster.pixel_of_spot.max() < raster.n_pixels
    assert np.isfinite(raster.affine).all()


def seeds() -> list[bytes]:
    row, col = (a.ravel() for a in np.mgrid[:9, :8])
    made = []
    for kind in range(0, 128, 5):
        dtype = np.float64 if kind & 1 else np.int64
        places = (
            np.column_stack([col, row]),
            np.column_stack([2 * col + row % 2, row]),
            np.random.default_rng(kind).uniform(0, 99, (60, 2)),
        )
        made += [bytes([kind]) + np.ascontiguousarray(xy, dtype=dtype).tobytes() for xy in places]
    return made


if __name__ == "__main__":
    fuzz(work, seeds())
