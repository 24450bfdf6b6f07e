"""The mixture's parameters and its density, differentiable in both, in log space."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sigel.config import MixtureConfig
from sigel.nn.mixture.student_t import (
    block_rows,
    diagonal_distance,
    full_distance,
    log_t_constant,
    sturdy_cholesky,
)

LOG_2PI = math.log(2 * math.pi)
# Weights stay positive, so that ln pi is finite; far below the share of one gene, so that EM still climbs.
MIN_WEIGHT = 1e-15
START_DOF = 10.0

# Scale matrices: their diagonals, or whole.
Sigma = Float[Tensor, "n_groups n_dims"] | Float[Tensor, "n_groups n_dims n_dims"]


class MixtureParameters(NamedTuple):
    """The parameters in the units of the model."""

    log_weights: Float[Tensor, " n_groups"]
    means: Float[Tensor, "n_groups n_dims"]
    covariance: Sigma  # scale matrices
    dof: Float[Tensor, " n_groups"]  # infinite for Gaussian components


class MixtureDensity(nn.Module):
    """Mixture of Student t (or Gaussian) components whose parameters are unconstrained.

    Parameters
    ----------
    n_groups
        Number of components K.
    n_dims
        Dimension D.
    config
        Density, scale matrices and bounds of the degrees of freedom.

    Notes
    -----
    Logits, half log diagonals and log degrees of freedom, so that Module III can move them by gradient.
    With `d = (z - mu)' Sigma^-1 (z - mu)` (Peel and McLachlan 2000)::

        ln t(z; mu, Sigma, nu) = lnG((nu + D) / 2) - lnG(nu / 2) - D/2 ln(nu pi) - 1/2 ln|Sigma|
                                 - (nu + D) / 2 ln(1 + d / nu)
        ln p(z) = logsumexp_k (ln pi_k + ln t(z; mu_k, Sigma_k, nu_k))

    where lnG is the log of the gamma function; Gaussian components are the limit of infinite nu.
    """

    centre: Float[Tensor, " n_dims"]
    spread: Float[Tensor, " n_dims"]

    def __init__(self, n_groups: int, n_dims: int, config: MixtureConfig | None = None) -> None:
        super().__init__()
        self.config = config or MixtureConfig()
        self.n_groups, self.n_dims = n_groups, n_dims
        self.full, self.student = self.config.covariance == "full", self.config.density == "t"
        low, high = self.config.dof_bounds
        self.start_dof = min(max(START_DOF, low), high)
        n_dof = 1 if self.config.shared_dof else n_groups
        self.logits = nn.Parameter(torch.zeros(n_groups))
        self.means = nn.Parameter(torch.zeros(n_groups, n_dims))
        self.log_scale = nn.Parameter(torch.zeros(n_groups, n_dims))  # ln of the Cholesky diagonal
        # Below the diagonal of the Cholesky factors, row by row.
        n_lower = n_dims * (n_dims - 1) // 2
        self.lower = nn.Parameter(torch.zeros(n_groups, n_lower)) if self.full else None
        start = torch.full((n_dof,), math.log(self.start_dof))
        self.log_dof = nn.Parameter(start) if self.student else None
        self.register_buffer("centre", torch.zeros(n_dims))  # m0
        self.register_buffer("spread", torch.ones(n_dims))  # diagonal of S0

    # --- parameters in the units of the model ---

    @property
    def log_weights(self) -> Float[Tensor, " n_groups"]:
        """Log weights."""
        return self.logits.log_softmax(dim=0)

    @property
    def dof(self) -> Float[Tensor, " n_groups"]:
        """Degrees of freedom within their bounds; infinite for Gaussian components."""
        if self.log_dof is None:
            return torch.full_like(self.logits, math.inf)
        low, high = self.config.dof_bounds
        return self.log_dof.clamp(math.log(low), math.log(high)).exp().expand(self.n_groups)

    def cholesky(self) -> Float[Tensor, "n_groups n_dims n_dims"]:
        """Lower Cholesky factors of the scale matrices."""
        factor = torch.diag_embed(self.log_scale.exp())
        if self.lower is None:
            return factor
        row, column = torch.tril_indices(self.n_dims, self.n_dims, offset=-1, device=factor.device)
        return factor.index_put(
            (torch.arange(self.n_groups, device=row.device)[:, None], row, column), self.lower
        )

    def covariance(self) -> Sigma:
        """Scale matrices: their diagonals where they are diagonal, else whole."""
        if not self.full:
            return (2 * self.log_scale).exp()
        factor = self.cholesky()
        return factor @ factor.mT

    @torch.no_grad()
    def estimates(self) -> MixtureParameters:
        """The present parameters, detached."""
        return MixtureParameters(
            self.log_weights.clone(), self.means.clone(), self.covariance().clone(), self.dof.clone()
        )

    @torch.no_grad()
    def assign(self, parameters: MixtureParameters) -> None:
        """Set all parameters; the inverse of `estimates`.

        Parameters
        ----------
        parameters
            Degrees of freedom are ignored by Gaussian components, and averaged where one is shared.
        """
        weights = parameters.log_weights.log_softmax(dim=0).clamp_min(math.log(MIN_WEIGHT))
        self.logits.copy_(weights.log_softmax(dim=0))
        self.means.copy_(parameters.means)
        self._set_covariance(parameters.covariance)
        if self.log_dof is not None:
            log_dof = parameters.dof.log()
            self.log_dof.copy_(log_dof.mean() if self.config.shared_dof else log_dof)

    def _set_covariance(self, covariance: Sigma, size: Float[Tensor, " n_groups"] | None = None) -> None:
        """Take over Sigma; `size` is that of the numbers whose difference it is."""
        if self.lower is None:
            self.log_scale.copy_(covariance.log() / 2)
            return
        if size is None:
            size = covariance.diagonal(dim1=1, dim2=2).amax(dim=1)
        rounding = torch.finfo(size.dtype).eps * size
        factor = sturdy_cholesky((covariance + covariance.mT) / 2, rounding)
        row, column = torch.tril_indices(self.n_dims, self.n_dims, offset=-1, device=factor.device)
        self.log_scale.copy_(factor.diagonal(dim1=1, dim2=2).log())
        self.lower.copy_(factor[:, row, column])

    # --- density ---

    def distance(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, "n n_groups"]:
        """Squared Mahalanobis distances of points to all components."""
        if not self.full:
            return diagonal_distance(z - self.centre, self.means - self.centre, self.log_scale)
        factor = self.cholesky()
        blocks = z.split(block_rows(self.n_groups, self.n_dims))
        return torch.cat([full_distance(block, self.means, factor)[0] for block in blocks])

    def log_joint(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, "n n_groups"]:
        """`ln pi_k + ln t(z_i; mu_k, Sigma_k, nu_k)` of all points and components.

        Parameters
        ----------
        z
            Representations; gradients flow to them and to all parameters.
        """
        delta = self.distance(z)  # (n, n_groups)
        constant, nu = self._constant(), self.dof
        if not self.student:
            return constant - 0.5 * delta
        return constant - (nu + self.n_dims) / 2 * torch.log1p(delta / nu)

    def _constant(self) -> Float[Tensor, " n_groups"]:
        """What of `log_joint` does not depend on z."""
        constant = self.log_weights - self.log_scale.sum(dim=1)
        if not self.student:
            return constant - 0.5 * self.n_dims * LOG_2PI
        return constant + log_t_constant(self.dof, self.n_dims)

    def log_prob(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, " n"]:
        """`ln p(z_i)`."""
        return self.log_joint(z).logsumexp(dim=1)

    def posterior(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, "n n_groups"]:
        """Responsibilities; rows sum to 1."""
        return self.log_joint(z).softmax(dim=1)

    def n_parameters(self) -> int:
        """Free parameters, for BIC."""
        k, d = self.n_groups, self.n_dims
        scale = d * (d + 1) // 2 if self.full else d
        dof = 0 if self.log_dof is None else len(self.log_dof)
        return (k - 1) + k * (d + scale) + dof
