"""Gene images as dense tensors, a batch at a time: whole, or as two thinned halves of the same counts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from sigel.config import ImageConfig
from sigel.images import GeneImages

# Theta of the negative binomial variance mu + mu^2 / theta; UMI counts of one tissue are near Poisson
# (Lause, Berens and Kobak 2021 use 100 as well).
OVERDISPERSION = 100.0


class ImageViews:
    """Normalised, smoothed and scaled images of any genes, computed from the sparse counts on demand.

    Every step works on one gene's row, so a batch costs its own genes and nothing else.

    Parameters
    ----------
    images
        The gene images.
    device
        Where the counts live and the batches are made.
    """

    def __init__(self, images: GeneImages, device: torch.device | str = "cpu") -> None:
        self.config: ImageConfig = images.config
        self.device = torch.device(device)
        self.integer = images.integer
        counts = images.counts
        self.n_genes, self.n_pixels = counts.shape
        self._indptr = torch.from_numpy(counts.indptr.astype(np.int64)).to(self.device)
        self._indices = torch.from_numpy(counts.indices.astype(np.int64)).to(self.device)
        self._data = torch.from_numpy(counts.data.astype(np.float32)).to(self.device)
        self._factor = torch.from_numpy(_pixel_factor(images)).to(self.device)
        depth = images.depth / max(images.depth.sum(), 1e-12)
        self._depth_share = torch.from_numpy(depth.astype(np.float32)).to(self.device)
        graph = images.raster.neighbors
        place = graph.tocoo()
        self._neighbors = torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([place.row, place.col]).astype(np.int64)),
            torch.from_numpy(place.data.astype(np.float32)),
            size=graph.shape,
            check_invariants=False,
            is_coalesced=True,
        ).to(self.device)

    def whole(self, rows: Tensor) -> Tensor:
        """Images of some genes, shape `(len(rows), n_pixels)`.

        Parameters
        ----------
        rows
            Row numbers of genes, int64.
        """
        row, pixel, count = self._take(rows)
        return self._finish(len(rows), row, pixel, count, 1.0)

    def batches(self, size: int = 512) -> Iterator[Tensor]:
        """Images of all genes in their order, `(at most size, n_pixels)` at a time.

        Parameters
        ----------
        size
            Genes in a batch.
        """
        for rows in torch.arange(self.n_genes).split(size):
            yield self.whole(rows)

    def halves(self, rows: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Two images of each gene from a binomial split of its counts, both `(len(rows), n_pixels)`.

        For Poisson counts the two parts are independent experiments on the same tissue.

        Parameters
        ----------
        rows
            Row numbers of genes, int64.
        share
            Probability with which a count goes to the first part.
        generator
            CPU generator: the split is the same on every device.
        """
        row, pixel, count = self._take(rows)
        first = torch.binomial(count.cpu(), torch.full(count.shape, share), generator=generator).to(
            self.device
        )
        return (
            self._finish(len(rows), row, pixel, first, share),
            self._finish(len(rows), row, pixel, count - first, 1.0 - share),
        )

    def _take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Non-zero entries of some genes: batch row, pixel, count, all `(nnz,)`."""
        rows = rows.to(self.device)
        start = self._indptr[rows]
        length = self._indptr[rows + 1] - start
        row = torch.repeat_interleave(torch.arange(len(rows), device=self.device), length)
        first = torch.cumsum(length, 0) - length
        entry = torch.arange(len(row), device=self.device) - first[row] + start[row]
        return row, self._indices[entry], self._data[entry]

    def _finish(self, n: int, row: Tensor, pixel: Tensor, count: Tensor, share: float) -> Tensor:
        image = torch.zeros(n, self.n_pixels, device=self.device)  # (n, pixels)
        if self.config.normalize == "pearson":
            image[row, pixel] = count
            image = self._residuals(image)
        else:
            value = count * self._factor[pixel] / share
            image[row, pixel] = torch.log1p(value) if self.config.normalize == "log" else value
        if self.config.smooth > 0:
            near = (self._neighbors @ image.T).T  # (n, pixels)
            image = torch.lerp(image, near, self.config.smooth)
        if self.config.scale == "zscore":
            image = image - image.mean(dim=1, keepdim=True)
            image = image / image.square().mean(dim=1, keepdim=True).sqrt().clamp_min(1e-6)
            image = image.clamp(-self.config.clip, self.config.clip)
        elif self.config.scale == "max":
            image = image / image.abs().amax(dim=1, keepdim=True).clamp_min(1e-6)
        return image.contiguous()

    def _residuals(self, count: Tensor) -> Tensor:
        """Pearson residuals of `(n, n_pixels)` counts, given genes' sums and pixels' shares of all."""
        expected = count.sum(dim=1, keepdim=True) * self._depth_share  # (n, pixels)
        spread = (expected + expected.square() / OVERDISPERSION).clamp_min(1e-12).sqrt()
        largest = math.sqrt(self.n_pixels)
        return ((count - expected) / spread).clamp_(-largest, largest)


def _pixel_factor(images: GeneImages) -> np.ndarray:
    """What a pixel's pooled counts are multiplied by, shape `(n_pixels,)`.

    With normalisation, `"mean"` gives the pooled rate at the median library size, which is the
    library-weighted mean of the spots; `"sum"` multiplies it by the number of spots.
    """
    spots = images.raster.spots_per_pixel.astype(np.float64)
    if images.config.normalize != "none":
        library = images.depth
        per_spot = library / spots
        target = float(np.median(per_spot[library > 0])) if (library > 0).any() else 1.0
        factor = np.divide(target, library, out=np.zeros_like(library), where=library > 0)
        if images.config.aggregate == "sum":
            factor = factor * spots
    else:
        factor = 1.0 / spots if images.config.aggregate == "mean" else np.ones_like(spots)
    return factor.astype(np.float32)
