"""What an image looks like before any gene is seen: smooth, at no scale in particular."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from sigel.nn.encoder.subspace import leading

# Length scales of the kernel in spacings of pixels, each the double of the last: from a patch of a few spots
# to a region of the tissue.
LENGTHS = (1.5, 3.0, 6.0, 12.0)
SWEEPS = 6


def smooth_modes(
    positions: Float[Tensor, "n_pixels 2"],
    n_modes: int,
    generator: torch.Generator,
    parts: Sequence[slice] = (slice(None),),
) -> tuple[Float[Tensor, " modes"], Float[Tensor, "n_pixels modes"]]:
    """Leading eigenvectors of a smooth covariance over the tissue, and its variance along each.

    Parameters
    ----------
    positions
        Of the pixels, in spacings; they lie on a grid, of which any places may be empty.
    n_modes
        How many, at most the number of pixels.
    generator
        CPU generator.
    parts
        Pixels of each section; default: all of one.

    Notes
    -----
    The covariance of pixels of a section at a distance d is the mean of `exp(-d^2 / (2 l^2))` over the
    lengths l, less its means over rows and columns, as images have mean 0; what one section is like says
    nothing of another. On a grid it is a product of one kernel for the rows and one for the columns, so that
    no matrix of pixels by pixels is ever made.
    """
    # Of several, twice the share of each: one of more pixels has more of those that lead.
    most = n_modes if len(parts) == 1 else 2 * -(-n_modes // len(parts))
    found = [
        leading(
            _covariance(positions[part]),
            len(positions[part]),
            min(most, len(positions[part])),
            sweeps=SWEEPS,
            generator=generator,
            like=positions,
        )
        for part in parts
    ]
    value = torch.cat([values for values, _ in found])
    leads = torch.zeros(len(value), dtype=torch.bool, device=value.device)
    leads[value.argsort(descending=True, stable=True)[:n_modes]] = True
    of_parts = leads.split([len(values) for values, _ in found])
    modes = torch.block_diag(*(own[:, lead] for (_, own), lead in zip(found, of_parts, strict=True)))
    return value[leads].clamp_min(0), modes


def _covariance(positions: Float[Tensor, "n_pixels 2"]) -> Callable[[Tensor], Tensor]:
    """What the covariance of one section does to columns."""
    rows, row = positions[:, 0].unique(return_inverse=True)
    columns, column = positions[:, 1].unique(return_inverse=True)
    down = [_gaussian(rows, length) for length in LENGTHS]  # (n_rows, n_rows) each
    across = [_gaussian(columns, length) for length in LENGTHS]  # (n_columns, n_columns) each

    at = row * len(columns) + column

    def times(x: Tensor) -> Tensor:
        x = x - x.mean(dim=0)
        shape = (len(rows), len(columns), x.shape[1])
        grid = x.new_zeros(len(rows) * len(columns), x.shape[1])
        grid[at] = x
        grid = grid.reshape(len(rows), -1)  # (n_rows, n_columns * k)
        # Where tissue is a tenth of its grid, each of these is as large as ten images: they are used again.
        mixed, spread = torch.empty_like(grid), grid.new_empty(shape)
        total = torch.zeros_like(x)
        for vertical, horizontal in zip(down, across, strict=True):
            torch.mm(vertical, grid, out=mixed)
            torch.bmm(horizontal.expand(len(rows), -1, -1), mixed.reshape(shape), out=spread)
            total += spread.reshape(-1, x.shape[1])[at]
        return (total - total.mean(dim=0)) / len(LENGTHS)

    return times


def _gaussian(places: Float[Tensor, " n"], length: float) -> Float[Tensor, "n n"]:
    return (-(places[:, None] - places).square() / (2 * length**2)).exp()
