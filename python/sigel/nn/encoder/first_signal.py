"""A first estimate of the signal of images: sharp where eigenimages are sure, smooth elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Columns = Callable[[Tensor], Tensor]


class FirstSignal:
    """The operator `b = V R V'x + S (x - V R V'x)` of `fit_covariance`, a section at a time.

    Parameters
    ----------
    images
        Eigenimages V of each section on its own pixels, orthonormal there or 0, `(n_pixels, k)`.
    sure
        R of each section, `(n_sections, k)`.
    spread, adjoint
        S and its transpose on columns `(n_pixels, m)`; neither leads from one section to another.
    parts
        Pixels of each section.

    Attributes
    ----------
    kept
        What b makes of each eigenimage, `(n_pixels, k)`.
    """

    def __init__(
        self,
        images: Float[Tensor, "n_pixels k"],
        sure: Float[Tensor, "n_sections k"],
        spread: Columns,
        adjoint: Columns,
        parts: Sequence[slice],
    ) -> None:
        self._images, self._spread, self._adjoint, self._parts = images, spread, adjoint, parts
        spread_out = spread(images)
        sharp = [(images[part] - spread_out[part]) * share for part, share in zip(parts, sure, strict=True)]
        self.kept = spread_out + torch.cat(sharp)

    def __call__(self, x: Float[Tensor, "n_pixels m"]) -> Float[Tensor, "n_pixels m"]:
        """B of images, one a column.

        Parameters
        ----------
        x
            `(n_pixels, m)`.
        """
        inside = [self._images[part].T @ x[part] for part in self._parts]  # (k, m) of each section
        led = [self._images[part] @ own for part, own in zip(self._parts, inside, strict=True)]
        kept = [self.kept[part] @ own for part, own in zip(self._parts, inside, strict=True)]
        return torch.cat(kept) + self._spread(x - torch.cat(led))

    def transposed(self, x: Float[Tensor, "n_pixels m"]) -> Float[Tensor, "n_pixels m"]:
        """The transpose of the operator on columns.

        Parameters
        ----------
        x
            `(n_pixels, m)`.
        """
        back = self._adjoint(x)
        inside = [
            images @ (images.T @ back[part] - self.kept[part].T @ x[part])
            for part, images in ((part, self._images[part]) for part in self._parts)
        ]
        return back - torch.cat(inside)
