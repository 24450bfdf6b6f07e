"""Leading eigenvectors of large symmetric operators that are only known by what they do to columns."""

from __future__ import annotations

from collections.abc import Callable

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
    block = torch.randn(n, min(k + extra, n), generator=generator).to(like)  # (n, k + extra)
    for _ in range(sweeps):
        basis = torch.linalg.qr(block)[0]
        block = times(basis)
    inner = (basis.T @ block).double()  # (k + extra, k + extra)
    values, turn = torch.linalg.eigh((inner + inner.T) / 2)
    k = min(k, len(values))
    return values.flip(0)[:k].to(like.dtype), signed(basis @ turn.flip(1)[:, :k].to(like.dtype))


def signed(columns: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Columns whose largest entry is positive: the sign of an eigenvector means nothing."""
    if not columns.numel():
        return columns
    largest = columns.gather(0, columns.abs().argmax(dim=0, keepdim=True))  # (1, k)
    return columns * torch.where(largest < 0, -1.0, 1.0)
