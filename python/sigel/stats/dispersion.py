"""How much more than Poisson counts scatter at a given mean: the trend of a section's genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import optimize, sparse

from sigel.images import GeneImages

# Side, in pixels, of the blocks within which a rate is taken as constant: nine pixels tell its scatter,
# and few patterns change much within them.
BLOCK = 3
# Genes scatter around the trend by about this share of it (DESeq2 finds 0.5 to 1 on the log scale).
SPREAD = 0.5


@dataclass(frozen=True)
class DispersionTrend:
    """Dispersion `floor + rise / mean` of a negative binomial with variance `mean + dispersion * mean ** 2`.

    Parameters
    ----------
    floor
        Dispersion that strong genes come down to, >= 0; both 0: Poisson.
    rise
        What a weak gene's variance exceeds its mean by, in means, >= 0.
    """

    floor: float
    rise: float

    def __call__(self, mean: np.ndarray | float) -> np.ndarray:
        """Dispersion of genes with a mean count per pixel, same shape.

        Parameters
        ----------
        mean
            Mean counts > 0.
        """
        return self.floor + self.rise / np.maximum(mean, 1e-12)


def gene_dispersions(
    images: GeneImages,
) -> tuple[Float64[np.ndarray, " genes"], Float64[np.ndarray, " genes"]]:
    """Dispersion of each gene within small blocks of pixels, by moments, and the precision of the estimate.

    Parameters
    ----------
    images
        Gene images of counts.

    Returns
    -------
    dispersion, information
        Both `(n_genes,)`. Dispersions may be negative; large ones come out somewhat low, as a block has few
        pixels. `sqrt(2 / information)` is their standard error for Poisson counts. Both are 0 where a gene
        says nothing.

    Notes
    -----
    Given a gene's total T in a block, Poisson counts y are multinomial with shares w of the library. So
    `(y - w T)^2` less its expectation `w T (1 - w)`, over `w^2 T (T - 1) (1 - w)`, estimates the dispersion
    whatever the gene's rate in the block is. Over all pixels, weighted by what each tells,

        dispersion = sum of ((y - w T)^2 - w T (1 - w)) / information
        information = sum of w^2 (1 - w) T (T - 1).

    Blocks keep a pattern from being taken for scatter.
    """
    raster = images.raster
    across = raster.shape[1] // BLOCK + 1
    block = np.unique((raster.rows // BLOCK) * across + raster.cols // BLOCK, return_inverse=True)[1]
    block = block.reshape(-1)
    n_blocks = int(block.max()) + 1
    depth = np.asarray(images.depth, dtype=np.float64)
    total = np.bincount(block, depth, n_blocks)[block]
    share = np.divide(depth, total, out=np.zeros_like(depth), where=total > 0)  # (n_pixels,), w
    second, third = (np.bincount(block, share**k, n_blocks) for k in (2, 3))

    counts = images.counts.astype(np.float64)
    place = sparse.csr_matrix((np.ones(len(block)), (np.arange(len(block)), block)))
    sums = (counts @ place).tocsr()  # T, (n_genes, n_blocks)
    shared = (counts @ place.multiply(share[:, None]).tocsr()).tocsr()  # sums of y w
    squared = sums.multiply(sums).tocsr()
    excess = (
        np.asarray(counts.multiply(counts).sum(axis=1)).ravel()
        - 2 * np.asarray(shared.multiply(sums).sum(axis=1)).ravel()
        + squared @ second
        - sums @ (1 - second)
    )
    information = (squared - sums) @ (second - third)
    known = information > 0
    dispersion = np.divide(excess, information, out=np.zeros_like(excess), where=known)
    return dispersion, np.where(known, information, 0.0)


def dispersion_trend(images: GeneImages) -> DispersionTrend:
    """Fit the trend of dispersion over mean to all genes of a section.

    Parameters
    ----------
    images
        Gene images of counts.

    Returns
    -------
    DispersionTrend
        Poisson (0, 0) where counts scatter no more than that.

    Notes
    -----
    `floor` and `rise`, a and b, minimise over genes with mean m, dispersion d and information i

        sum of rho((a + b / m - d)^2 / e^2),    e^2 = 2 / i + (s (a + b / m))^2,
        rho(x) = 2 (sqrt(1 + x) - 1),

    both held at zero or above, e from the last of three rounds and s = 0.5 the spread of genes around the
    trend. The loss rho is one that outlying genes do not pull (`scipy.optimize.least_squares`); the form of
    the trend is that of Brennecke et al. 2013 (Nature Methods 10:1093) and of DESeq2 (Love, Huber and Anders
    2014, Genome Biology 15:550).
    """
    dispersion, information = gene_dispersions(images)
    mean = np.asarray(images.counts.sum(axis=1), dtype=np.float64).ravel() / images.raster.n_pixels
    known = (information > 0) & (mean > 0)
    if not known.any():
        return DispersionTrend(0.0, 0.0)
    mean, dispersion, sampling = mean[known], dispersion[known], 2 / information[known]
    floor = rise = 0.0
    for _ in range(3):  # the spread of genes around the trend depends on the trend
        error = np.sqrt(sampling + (SPREAD * (floor + rise / mean)) ** 2)

        def misfit(at: np.ndarray, error: np.ndarray = error) -> np.ndarray:
            return (at[0] + at[1] / mean - dispersion) / error

        start = np.array([max(floor, 0.1), max(rise, 0.01)])
        fit = optimize.least_squares(misfit, start, bounds=(0, np.inf), loss="soft_l1", x_scale=(0.1, 0.01))
        floor, rise = (float(value) if value > 1e-8 else 0.0 for value in fit.x)
    return DispersionTrend(floor, rise)
