"""Leading eigenvectors of large symmetric operators that are only known by what they do to columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def leading(
    times: Callable[[Tensor], Tensor],
    n: int,
    k: int,
    *,
    sweeps: int,
    generator: torch.Generator,
    like: Tensor,
    extra: int = 16,
) -> tuple[Float[Tensor, " k"], Float[Tensor, "n k"]]:
    """Leading eigenvalues, from large to small, and eigenvectors of a symmetric operator.

    Parameters
    ----------
    times
        The operator on columns, `(n, m)` to `(n, m)`.
    n
        Its size.
    k
        How many; at most `n`.
    sweeps
        Applications of the operator, the last of which gives the values.
    generator
        CPU generator of the start.
    like
        A tensor of the wanted dtype and device.
    extra
        Further columns that make the last of the `k` come out sooner.

    Notes
    -----
    Subspace iteration from a random start and Rayleigh and Ritz's projection (Halko, Martinsson and Tropp
    2011, SIAM Review 53:217).
    """
    draw: dict[str, Any] = {"sweeps": sweeps, "generator": generator, "like": like, "extra": extra}
    return leading_each(lambda blocks: [times(blocks[0])], [n], k, **draw)[0]


def leading_each(
    times: Callable[[list[Tensor]], list[Tensor]],
    sizes: Sequence[int],
    k: int,
    *,
    sweeps: int,
    generator: torch.Generator,
    like: Tensor,
    extra: int = 16,
) -> list[tuple[Float[Tensor, " k"], Float[Tensor, "n k"]]]:
    """The same of several operators that one sweep over the data serves.

    Parameters
    ----------
    times
        Columns for each operator to what each makes of its own.
    sizes
        Size of each.
    k
        How many of each; fewer of those that are smaller.
    sweeps, generator, like, extra
        As in `leading`.
    """
    starts = [torch.randn(n, min(k + extra, n), generator=generator).to(like) for n in sizes]
    blocks = bases = starts  # (n, k + extra) of each
    for _ in range(sweeps):
        bases = [torch.linalg.qr(block)[0] for block in blocks]
        blocks = times(bases)
    return [_ritz(basis, block, k) for basis, block in zip(bases, blocks, strict=True)]


def _ritz(
    basis: Float[Tensor, "n m"], block: Float[Tensor, "n m"], k: int
) -> tuple[Float[Tensor, " k"], Float[Tensor, "n k"]]:
    """Eigenvalues and eigenvectors within the span of a basis, from what the operator makes of it."""
    inner = (basis.T @ block).double()  # (m, m)
    values, turn = torch.linalg.eigh((inner + inner.T) / 2)
    k = min(k, len(values))
    return values.flip(0)[:k].to(basis.dtype), signed(basis @ turn.flip(1)[:, :k].to(basis.dtype))


def signed(columns: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Columns whose largest entry is positive: the sign of an eigenvector means nothing."""
    if not columns.numel():
        return columns
    largest = columns.gather(0, columns.abs().argmax(dim=0, keepdim=True))  # (1, k)
    return columns * torch.where(largest < 0, -1.0, 1.0)
