"""The mixture's parameters and its density, differentiable in both, in log space."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

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
# Largest difference of a squared length from that of representations, as a share.
SPHERE = 0.01
POLE_STEPS = 20
# Up to so many genes are a panel, and seen by a weaker lens: groups then foretell counts better.
FEW_GENES = 300
FEW_LENS = 2.0
# However many genes seem to have no pattern, a few may have one.
MOST_FLAT = 0.99
START_DOF = 10.0
# Genes' worth of an even spread that the scale of genes without a pattern is shrunk by.
FLAT_RIDGE = 10.0

# Scale matrices: their diagonals, or whole.
Sigma = Float[Tensor, "n_groups n_dims"] | Float[Tensor, "n_groups n_dims n_dims"]


class MixtureParameters(NamedTuple):
    """The parameters in the units of the model."""

    log_weights: Float[Tensor, " n_groups"]
    means: Float[Tensor, "n_groups n_dims"]
    covariance: Sigma  # scale matrices
    dof: Float[Tensor, " n_groups"]  # infinite for Gaussian components


class FlatGenes(NamedTuple):
    """What is known of the genes without a pattern before the mixture is fitted."""

    z: Float[Tensor, "n n_dims"]  # representations of some
    share: float  # of them among all genes
    weight: Float[Tensor, " n"] | None = None  # how far each of `z` is one of them


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

    Genes without a pattern may have a component of their own, the last: `set_flat` gives it its share s of
    the genes, its mean and its scales, and nothing moves it from there. The others then share 1 - s, and
    what has a column for each component has one more.
    """

    centre: Float[Tensor, " n_dims"]
    spread: Float[Tensor, " n_dims"]
    strength: Float[Tensor, ""]
    share: Float[Tensor, ""]
    flat_mean: Float[Tensor, " n_dims"]
    flat_log_scale: Float[Tensor, " n_dims"]
    pole: Float[Tensor, " n_dims"]
    lens: Float[Tensor, ""]
    sharpness: Float[Tensor, ""]

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
        self.register_buffer("strength", torch.zeros(()))  # genes' worth of the prior beyond the settings
        self.register_buffer("share", torch.zeros(()))  # of genes without a pattern; 0: no such component
        self.register_buffer("flat_mean", torch.zeros(n_dims))
        self.register_buffer("flat_log_scale", torch.zeros(n_dims))
        # The power of what is reported.
        self.register_buffer("sharpness", torch.tensor(float(self.config.sharpness)))
        self.register_buffer(
            "pole", torch.zeros(n_dims)
        )  # where flat genes lie; 0: points are taken as given
        self.register_buffer("lens", torch.tensor(float(self.config.lens)))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Earlier versions knew no pooled prior, no flat genes, no lens, and reported as EM does."""
        state_dict.setdefault(prefix + "sharpness", torch.ones_like(self.sharpness))
        state_dict.setdefault(prefix + "lens", torch.tensor(float(self.config.lens)))
        for name in ("strength", "share", "flat_mean", "flat_log_scale", "pole"):
            state_dict.setdefault(prefix + name, torch.zeros_like(getattr(self, name)))
        super()._load_from_state_dict(state_dict, prefix, *rest)

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

    # --- what of a representation groups are made of ---

    @torch.no_grad()
    def find_pole(self, z: Float[Tensor, "n_genes n_dims"]) -> None:
        """Where genes without a pattern lie, if `z` are representations: of length sqrt(D) each.

        Parameters
        ----------
        z
            `(n_genes, n_dims)`. Other points are taken as they are given. Up to 300 genes are seen by a lens
            of 2, or of the settings where that is less.
        """
        self.pole.zero_()
        self.lens.fill_(min(self.config.lens, FEW_LENS) if len(z) <= FEW_GENES else self.config.lens)
        on_sphere = (z.square().mean(dim=1) - 1).abs().max() < SPHERE
        if self.config.lens == 1 or not on_sphere:
            return
        pole = z.mean(dim=0)
        for _ in range(POLE_STEPS):
            pole = nn.functional.normalize(pole, dim=0)
            height = z @ pole  # (n_genes,)
            pole = z[height >= height.median()].mean(dim=0)
        self.pole.copy_(nn.functional.normalize(pole, dim=0))

    def seen(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, "n n_dims"]:
        """Representations with the part away from the pole `lens` times longer, on their sphere again.

        A strong and a weak gene of one pattern lie on an arc towards the pole; through the lens they are
        near.
        """
        if not bool(self.pole.any()):
            return z
        along = (z @ self.pole)[:, None] * self.pole  # (n, n_dims)
        longer = along + self.lens * (z - along)
        return math.sqrt(self.n_dims) * nn.functional.normalize(longer, dim=1)

    # --- genes without a pattern ---

    @property
    def has_flat(self) -> bool:
        """Whether the last component is that of genes without a pattern."""
        return bool(self.share > 0)

    @torch.no_grad()
    def set_flat(self, flat: FlatGenes | None) -> None:
        """Give genes without a pattern a component of their own, which is held from then on.

        Parameters
        ----------
        flat
            Some of them, and their share among all; where that is 0, or with None, there is no such
            component.
        """
        if flat is None:
            self.share.zero_()
            return
        z, share = self.seen(flat.z), flat.share
        weight = torch.ones_like(z[:, 0]) if flat.weight is None else flat.weight.to(z)
        total = float(weight.sum())
        if not (share > 0 and total > 0):
            self.share.zero_()
            return
        self.share.fill_(min(share, MOST_FLAT))
        self.flat_mean.copy_(weight @ z / total)
        squares = weight @ (z - self.flat_mean).square()
        even = (squares.mean() / total).clamp_min(1e-9)
        self.flat_log_scale.copy_(((squares + FLAT_RIDGE * even) / (total + FLAT_RIDGE)).log() / 2)

    def flat_joint(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, " n"]:
        """`ln s + ln t(z)` of the component of genes without a pattern, at points as they are seen."""
        rest = (z - self.flat_mean) * (-self.flat_log_scale).exp()
        delta = rest.square().sum(dim=1)  # (n,)
        constant = self.share.log() - self.flat_log_scale.sum()
        if not self.student:
            return constant - 0.5 * (self.n_dims * LOG_2PI + delta)
        dof = torch.full_like(self.flat_mean[:1], START_DOF)  # (1,)
        tail = (dof + self.n_dims) / 2 * torch.log1p(delta / dof)
        return constant + log_t_constant(dof, self.n_dims) - tail

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
        """Squared Mahalanobis distances of points, as they are seen, to all components."""
        if not self.full:
            return diagonal_distance(z - self.centre, self.means - self.centre, self.log_scale)
        factor = self.cholesky()
        blocks = z.split(block_rows(self.n_groups, self.n_dims))
        return torch.cat([full_distance(block, self.means, factor)[0] for block in blocks])

    def log_joint(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, "n n_columns"]:
        """`ln pi_k + ln t(z_i; mu_k, Sigma_k, nu_k)` of all points and components, flat genes' last.

        Parameters
        ----------
        z
            Representations; gradients flow to them and to all parameters.
        """
        z = self.seen(z)
        delta = self.distance(z)  # (n, n_groups)
        constant, nu = self._constant(), self.dof
        if self.student:
            joint = constant - (nu + self.n_dims) / 2 * torch.log1p(delta / nu)
        else:
            joint = constant - 0.5 * delta
        return torch.cat([joint, self.flat_joint(z)[:, None]], dim=1) if self.has_flat else joint

    def _constant(self) -> Float[Tensor, " n_groups"]:
        """What of `log_joint` does not depend on z."""
        constant = self.log_weights + torch.log1p(-self.share) - self.log_scale.sum(dim=1)
        if not self.student:
            return constant - 0.5 * self.n_dims * LOG_2PI
        return constant + log_t_constant(self.dof, self.n_dims)

    def log_prob(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, " n"]:
        """`ln p(z_i)`."""
        return self.log_joint(z).logsumexp(dim=1)

    def posterior(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, "n n_columns"]:
        """Responsibilities, as EM uses them; rows sum to 1."""
        return self.log_joint(z).softmax(dim=1)

    def calibrated(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, "n n_columns"]:
        """Posteriors that mean what they say: of the density to the power of `sharpness`."""
        return (self.sharpness * self.log_joint(z)).softmax(dim=1)

    def n_parameters(self) -> int:
        """Free parameters, for BIC."""
        k, d = self.n_groups, self.n_dims
        dof = 0 if self.log_dof is None else len(self.log_dof)
        return (k - 1) + k * (d + self._n_scales) + dof

    @property
    def _n_scales(self) -> int:
        """Free parameters of one scale matrix."""
        return self.n_dims * (self.n_dims + 1) // 2 if self.full else self.n_dims

    def effective_parameters(self, n_genes: float) -> float:
        """Free parameters, those of the scale matrices counted as far as the prior leaves them free.

        Parameters
        ----------
        n_genes
            Genes of all groups together: one of N genes frees its scales by `N / (N + pseudo-genes)`.
        """
        size = self.log_weights.detach().exp() * n_genes  # (n_groups,)
        held = (self.pseudo_genes / (size + self.pseudo_genes)).sum()  # scale matrices that are not free
        return self.n_parameters() - self._n_scales * float(held)

    @property
    def scale_dof(self) -> float:
        """`rho_0` of the prior."""
        given = self.config.scale_dof
        return (self.n_dims + 2.0 if given is None else given) + float(self.strength)

    @property
    def pseudo_genes(self) -> float:
        """How many genes the prior of the scale matrices counts for."""
        return self.scale_dof + self.n_dims + 2
