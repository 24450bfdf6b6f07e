"""Module II: a Student t mixture fitted by MAP-EM."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from sigel.errors import InputError, TrainingError, number_of
from sigel.nn.mixture.density import LOG_2PI, MIN_WEIGHT, MixtureDensity, Sigma
from sigel.nn.mixture.student_t import block_rows, full_distance, solve_dof

# Genes' worth of the width of all genes in the pooled width of groups.
FEW = 10.0


class Statistics(NamedTuple):
    """Sums over genes that the M-step needs: the sums of parts add up to the sums of the whole.

    Moments are taken about a reference that only the parameters before the step decide (the prior mean
    with diagonal, the old means with full scale matrices), so that they don't cancel.
    """

    size: Float[Tensor, " n_groups"]  # N_k, sum of responsibilities xi
    weight: Float[Tensor, " n_groups"]  # W_k, sum of xi * zeta
    first: Float[Tensor, "n_groups n_dims"]  # sum of xi * zeta * (z - reference)
    second: Sigma  # sum of its square, or of its outer product
    tail: Float[Tensor, " n_groups"]  # sum of xi * (ln zeta - zeta + 1)
    log_likelihood: Float[Tensor, ""]  # sum of ln p(z_i) before the step

    def plus(self, other: Statistics) -> Statistics:
        """Sums over the genes of both."""
        return Statistics(*(a + b for a, b in zip(self, other, strict=True)))


class TMixture(MixtureDensity):
    """Mixture of Student t (or Gaussian) components with Dirichlet and normal-inverse-Wishart priors.

    Parameters
    ----------
    n_groups
        Number of components K.
    n_dims
        Dimension D.
    config
        Density, scale matrices, priors, bounds and iterations.

    Notes
    -----
    Priors: weights `Dirichlet(a)`, means and scale matrices normal-inverse-Wishart(m0, kappa, S0, rho),
    degrees of freedom `Gamma(shape, rate)`. The E-step finds responsibilities xi and precision weights
    zeta, with the squared distances d of `MixtureDensity`::

        xi_ik   = pi_k t(z_i; mu_k, Sigma_k, nu_k) / p(z_i)
        zeta_ik = (nu_k + D) / (nu_k + d_ik)

    The M-step, with `N_k = sum_i xi_ik`, `w_ik = xi_ik zeta_ik` and `W_k = sum_i w_ik`, is the mode of::

        pi_k    = (N_k + a - 1) / sum_j (N_j + a - 1)
        mu_k    = (sum_i w_ik z_i + kappa m0) / (W_k + kappa)
        Sigma_k = (S0 + sum_i w_ik (z_i - mu_k)(z_i - mu_k)' + kappa (mu_k - m0)(mu_k - m0)')
                  / (N_k + rho + D + 2)

    or its diagonal, and nu_k the root that `solve_dof` finds. The log-likelihood plus the log prior never
    falls. Peel and McLachlan 2000 for the t mixture, Fraley and Raftery 2007 for the priors, in the form of
    Murphy 2012, section 11.4.2.8. The parameters are
    unconstrained (logits, half log diagonals, log degrees of freedom), so that Module III can move them
    by gradient between rounds of EM. Order of calls: `set_prior`, `initialise`, `fit_em`. The dtype and
    the device are those of the module; EM is meant for float64.

    Examples
    --------
    >>> import torch
    >>> generator = torch.Generator().manual_seed(0)
    >>> z = torch.randn(200, 4, generator=generator, dtype=torch.float64)
    >>> mixture = TMixture(3, 4).double()
    >>> mixture.set_prior(z)
    >>> mixture.initialise(z, generator)
    >>> history = mixture.fit_em(z)
    >>> history == sorted(history)
    True
    >>> tuple(mixture.posterior(z).shape)
    (200, 3)
    """

    # --- start ---

    @torch.no_grad()
    def set_prior(self, z: Float[Tensor, "n_genes n_dims"]) -> None:
        """Set `m0` to the column means and `S0` to `K^(-1/D)` times the column variances, once.

        Training moves the representations little in comparison; a prior that moved with them would make
        the objectives of different epochs incomparable.

        Parameters
        ----------
        z
            `(n_genes, n_dims)`.

        Raises
        ------
        InputError
            When the shape is not that, or values are not finite.

        Notes
        -----
        Fraley and Raftery 2007, in the form of Murphy 2012, section 11.4.2.8. A column without variance
        gets a millionth of the mean variance, so that no group can collapse to a point.
        """
        _check_data(z, self.n_dims)
        self.find_pole(z)
        z = self.seen(z)
        self.centre.copy_(z.mean(dim=0))
        variance = (z - self.centre).square().mean(dim=0)
        floor = max(1e-6 * float(variance.mean()), 1e-12)
        self.spread.copy_(self.n_groups ** (-1.0 / self.n_dims) * variance.clamp_min(floor))

    @torch.no_grad()
    def pool_prior(self, z: Float[Tensor, "n_genes n_dims"]) -> None:
        """Let the prior expect of every group the scales that all have at present, on average.

        Patterns are about as wide as each other, noise being the same; groups of unlike widths lump many
        patterns of few genes together. Nothing happens where `pooling` is 0.

        Parameters
        ----------
        z
            `(n_genes, n_dims)`; the parameters are those of a start.
        """
        if self.config.pooling == 0:
            return
        sums = self.statistics(z)
        weight = sums.weight.clamp_min(1e-12)[:, None]
        if self.full:
            scatter = sums.second.diagonal(dim1=1, dim2=2) - sums.first.square() / weight
        else:
            scatter = sums.second - sums.first.square() / weight
        # Some genes' worth of the prior so far, and every mean has cost a gene: few genes in many groups
        # would seem to have no width at all.
        freedom = (sums.size.sum() - self.n_groups).clamp_min(0)
        within = (scatter.clamp_min(0).sum(dim=0) + FEW * self.spread) / (freedom + FEW)  # (n_dims,)
        self.strength.zero_()
        self.strength.fill_(max(0.0, self.config.pooling - self.pseudo_genes))
        self.spread.copy_(within * self.pseudo_genes)

    @torch.no_grad()
    def _patterned(self, z: Float[Tensor, "n_genes n_dims"]) -> Float[Tensor, " n_genes"]:
        """How far each gene is none of the flat ones, the others being one wide normal cloud."""
        if not self.has_flat:
            return torch.ones_like(z[:, 0])
        variance = (z - self.centre).square().mean(dim=0).clamp_min(1e-12)  # (n_dims,)
        far = ((z - self.centre).square() / variance + variance.log() + LOG_2PI).sum(dim=1)
        return torch.sigmoid(torch.log1p(-self.share) - 0.5 * far - self.flat_joint(z))

    @torch.no_grad()
    def initialise(self, z: Float[Tensor, "n_genes n_dims"], generator: torch.Generator) -> None:
        """Start from seeded k-means: its centres, its sizes, its spreads shrunk to the prior's.

        Genes that seem to have no pattern, where those have a component, take no part.

        Parameters
        ----------
        z
            `(n_genes, n_dims)`; `set_prior` comes first.
        generator
            CPU generator.

        Raises
        ------
        InputError
            When there are fewer genes than groups, or values are not finite.
        """
        from sklearn.cluster import KMeans

        _check_data(z, self.n_dims)
        if len(z) < self.n_groups:
            found = f"{self.n_groups} groups for {number_of(len(z), 'gene')}"
            raise InputError("n_groups", found, "at most one group per gene", 'Use n_groups="auto".')
        seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
        # With many groups one start is as good as several, and k-means is the slowest step.
        start = KMeans(self.n_groups, n_init=3 if self.n_groups <= 64 else 1, max_iter=50, random_state=seed)
        seen = self.seen(z)
        chosen = (self._patterned(seen) > 0.5).nonzero().flatten()
        if len(chosen) < self.n_groups:
            chosen = torch.arange(len(z), device=z.device)
        labels = torch.full((len(z),), -1, device=z.device)
        found = start.fit(seen[chosen].detach().cpu().numpy()).labels_
        labels[chosen] = torch.as_tensor(found, device=z.device, dtype=labels.dtype)
        self.init_from_labels(z, labels)

    @torch.no_grad()
    def init_from_labels(self, z: Float[Tensor, "n_genes n_dims"], labels: Num[Tensor, " n_genes"]) -> None:
        """Weights, means and scale matrices of hard groups, by the M-step of a Gaussian mixture.

        Parameters
        ----------
        z
            `(n_genes, n_dims)`.
        labels
            Whole numbers from 0 to `n_groups - 1`, or -1 for a gene of no group, `(n_genes,)`.
        """
        z = self.seen(z)
        # (n, n_groups)
        xi = nn.functional.one_hot(labels.long().to(z.device) + 1, self.n_groups + 1)[:, 1:].to(z.dtype)
        if self.log_dof is not None:
            self.log_dof.fill_(math.log(self.start_dof))
        self.means.copy_(self.centre.expand_as(self.means))
        parts = zip(z.split(self._rows()), xi.split(self._rows()), strict=True)
        nothing = torch.zeros((), dtype=z.dtype, device=z.device)
        rest = ((x, self._rest(x), w) for x, w in parts)
        sums = [self._sums(x, r, w, w, torch.zeros_like(w), nothing) for x, r, w in rest]
        self._update(_total(sums), solve=False)

    # --- EM ---

    def _rows(self) -> int:
        return block_rows(self.n_groups, self.n_dims if self.full else 1)

    def _rest(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, "n_groups n_dims n"] | None:
        """`z - mu` with full scale matrices."""
        return z.T - self.means[:, :, None] if self.full else None

    @torch.no_grad()
    def statistics(self, z: Float[Tensor, "n n_dims"]) -> Statistics:
        """E-step: responsibilities and precision weights, summed over genes, block by block.

        Parameters
        ----------
        z
            `(n, n_dims)`, all genes or a part of them; `plus` adds parts, a sum over processes adds
            shards.
        """
        z = self.seen(z)
        constant, dof = self._constant(), self.dof
        factor = self.cholesky() if self.full else None
        return _total([self._block(block, constant, dof, factor) for block in z.split(self._rows())])

    def _block(
        self,
        z: Float[Tensor, "n n_dims"],
        constant: Float[Tensor, " n_groups"],
        dof: Float[Tensor, " n_groups"],
        factor: Float[Tensor, "n_groups n_dims n_dims"] | None,
    ) -> Statistics:
        """The E-step of some genes; all that has no other shape is `(n, n_groups)`."""
        rest = None
        if factor is None:
            delta = self.distance(z)  # (n, n_groups)
        else:
            delta, rest = full_distance(z, self.means, factor)
        if self.student:
            log_tail = torch.log1p(delta / dof)
            joint = constant - (dof + self.n_dims) / 2 * log_tail
        else:
            joint = constant - 0.5 * delta
        largest = joint.amax(dim=1, keepdim=True)  # (n, 1)
        flat = self.flat_joint(z)[:, None] if self.has_flat else None  # (n, 1)
        if flat is not None:
            largest = torch.maximum(largest, flat)
        xi = (joint - largest).exp_()
        total = xi.sum(dim=1, keepdim=True)
        if flat is not None:
            total = total + (flat - largest).exp()
        xi /= total
        likelihood = (largest + total.log()).sum()
        if not self.student:
            return self._sums(z, rest, xi, xi, torch.zeros_like(xi), likelihood)
        zeta = (dof + self.n_dims) / (dof + delta)
        excess = torch.log1p(self.n_dims / dof) - log_tail - zeta + 1  # ln zeta - zeta + 1
        return self._sums(z, rest, xi, xi * zeta, xi * excess, likelihood)

    def _sums(
        self,
        z: Float[Tensor, "n n_dims"],
        rest: Float[Tensor, "n_groups n_dims n"] | None,
        xi: Float[Tensor, "n n_groups"],
        w: Float[Tensor, "n n_groups"],
        tail: Float[Tensor, "n n_groups"],
        likelihood: Float[Tensor, ""],
    ) -> Statistics:
        """Sums over genes of responsibilities `xi`, weights `w = xi * zeta` and what they weight."""
        if rest is None:
            x = z - self.centre  # (n, n_dims)
            first, second = w.T @ x, w.T @ x.square()
        else:
            weighted = rest * w.T[:, None, :]  # (n_groups, n_dims, n)
            first, second = weighted.sum(dim=2), weighted @ rest.mT
        return Statistics(xi.sum(dim=0), w.sum(dim=0), first, second, tail.sum(dim=0), likelihood)

    @torch.no_grad()
    def update(self, sums: Statistics) -> None:
        """M-step from the sums over all genes.

        Parameters
        ----------
        sums
            From `statistics` at the present parameters.
        """
        self._update(sums, solve=self.student)

    def _update(self, sums: Statistics, *, solve: bool) -> None:
        config = self.config
        weights = sums.size + config.concentration - 1  # (n_groups,)
        # All genes may be without a pattern.
        tiny = torch.finfo(weights.dtype).tiny
        self.logits.copy_((weights / weights.sum().clamp_min(tiny)).clamp_min(MIN_WEIGHT).log())
        # Coordinates about the reference of the moments: the prior mean is at `prior`.
        reference = self.means.detach().clone() if self.full else self.centre.expand_as(self.means)
        prior = self.centre - reference  # (n_groups, n_dims)
        kappa = config.mean_precision
        total = (sums.weight + kappa)[:, None]  # (n_groups, 1)
        # (n_groups, n_dims)
        mean = torch.where(
            total > tiny, (sums.first + kappa * prior) / total.clamp_min(tiny), self.means - reference
        )
        count = sums.size + self.pseudo_genes  # (n_groups,)
        # sum w (x - m)(x - m)' + kappa (m - p)(m - p)' = sum w x x' + kappa p p' - (W + kappa) m m'
        if not self.full:
            scatter = sums.second + kappa * prior.square() - total * mean.square()
            self._set_covariance((self.spread + scatter.clamp_min(0)) / count[:, None])
        else:
            pull = kappa * prior[:, :, None] * prior[:, None, :]
            scatter = sums.second + pull - total[:, :, None] * mean[:, :, None] * mean[:, None, :]
            size = sums.second.diagonal(dim1=1, dim2=2).amax(dim=1) / count
            self._set_covariance((torch.diag(self.spread) + scatter) / count[:, None, None], size)
        self.means.copy_(mean + reference)
        if solve and self.log_dof is not None:
            size, tail, old = sums.size, sums.tail, self.dof
            if config.shared_dof:
                size, tail, old = size.sum()[None], tail.sum()[None], old[:1]
            found = solve_dof(size, tail, old, self.n_dims, config.dof_bounds, config.dof_prior)
            self.log_dof.copy_(found.log())

    @torch.no_grad()
    def log_prior(self) -> Float[Tensor, ""]:
        """Log density of the parameters under their priors, without constants of the settings and S0."""
        config, x = self.config, self.means - self.centre
        precision = (-2 * self.log_scale).exp()  # (n_groups, n_dims)
        if not self.full:
            trace = (precision * self.spread).sum(dim=1)  # (n_groups,)
            pull = (precision * x.square()).sum(dim=1)
        else:
            # S0^(1/2) and the mean beside it, (n_groups, n_dims, n_dims + 1), whitened by the factor
            known = torch.cat([torch.diag(self.spread.sqrt()).expand(len(x), -1, -1), x[:, :, None]], dim=2)
            white = torch.linalg.solve_triangular(self.cholesky(), known, upper=False).square().sum(dim=1)
            trace, pull = white[:, :-1].sum(dim=1), white[:, -1]
        log_det = 2 * self.log_scale.sum(dim=1)  # (n_groups,)
        exponent = self.pseudo_genes
        value = -0.5 * (exponent * log_det + trace + config.mean_precision * pull).sum()
        value = value + (config.concentration - 1) * self.log_weights.sum()
        if self.student and config.dof_prior is not None:
            shape, rate = config.dof_prior
            dof = self.dof[:1] if config.shared_dof else self.dof
            value = value + ((shape - 1) * dof.log() - rate * dof).sum()
        return value

    @torch.no_grad()
    def penalised_log_likelihood(self, z: Float[Tensor, "n_genes n_dims"]) -> Float[Tensor, ""]:
        """What EM climbs: `sum_i ln p(z_i)` plus `log_prior`, up to constants."""
        blocks = z.split(self._rows())
        return torch.stack([self.log_prob(block).sum() for block in blocks]).sum() + self.log_prior()

    @torch.no_grad()
    def em_step(
        self, z: Float[Tensor, "n_genes n_dims"], reduce: Callable[[Tensor], Tensor] | None = None
    ) -> float:
        """One E-step and one M-step.

        Parameters
        ----------
        z
            `(n_genes, n_dims)`, all genes or the shard of this process.
        reduce
            Sums a tensor over processes, for example Fabric's `all_reduce`; None where `z` is all.

        Returns
        -------
        float
            The penalised log-likelihood **before** the step, which the E-step yields for nothing.

        Raises
        ------
        TrainingError
            When it is not finite.
        """
        sums = self.statistics(z)
        if reduce is not None:
            sums = Statistics(*(reduce(value) for value in sums))
        objective = float(sums.log_likelihood + self.log_prior())
        if not math.isfinite(objective):
            msg = "mixture: the log-likelihood is not finite; lower `refine_lr` (TrainConfig)."
            raise TrainingError(msg)
        self.update(sums)
        return objective

    @torch.no_grad()
    def fit_em(
        self,
        z: Float[Tensor, "n_genes n_dims"],
        max_iter: int | None = None,
        tol: float | None = None,
        reduce: Callable[[Tensor], Tensor] | None = None,
    ) -> list[float]:
        """EM until the objective's relative gain is below `tol`.

        Parameters
        ----------
        z
            `(n_genes, n_dims)`.
        max_iter, tol
            Default: those of the settings.
        reduce
            As in `em_step`.

        Returns
        -------
        list of float
            The penalised log-likelihood before each step; it never falls. The parameters at the end are
            one step further.

        Raises
        ------
        InputError
            When values are not finite.
        """
        _check_data(z, self.n_dims)
        max_iter = self.config.max_iter if max_iter is None else max_iter
        tol = self.config.tol if tol is None else tol
        history: list[float] = []
        for _ in range(max_iter):
            history.append(self.em_step(z, reduce))
            if len(history) > 1 and history[-1] - history[-2] < tol * abs(history[-2]):
                break
        return history

    @torch.no_grad()
    def reseed_empty(
        self, z: Float[Tensor, "n_genes n_dims"], generator: torch.Generator
    ) -> Int[Tensor, " n_moved"]:
        """Move components with fewer than `min_genes` genes to the genes that the mixture explains least.

        Parameters
        ----------
        z
            `(n_genes, n_dims)`.
        generator
            CPU generator; decides between genes of equal density.

        Returns
        -------
        Tensor
            Numbers of the moved components. Each starts with the weight of one gene, at a gene of its
            own, with `Sigma = S0 / (rho_0 + D + 2)`; the weights of the others shrink in proportion. The
            objective may fall here, and only here.
        """
        joint = self.log_joint(z)  # (n_genes, n_groups)
        size = joint.softmax(dim=1)[:, : self.n_groups].sum(dim=0)
        empty = (size < self.config.min_genes).nonzero().flatten()
        if len(empty) == 0:
            return empty
        mixed = torch.randperm(len(z), generator=generator).to(z.device)
        worst = mixed[joint.logsumexp(dim=1)[mixed].argsort(stable=True)]
        worst = _first_of_equals(z, worst[: 8 * len(empty)])[: len(empty)]
        empty = empty[: len(worst)]
        now = self.estimates()
        now.means[empty] = self.seen(z[worst])
        fresh = self.spread / self.pseudo_genes
        now.covariance[empty] = torch.diag(fresh) if self.full else fresh
        now.log_weights[empty] = -math.log(len(z))
        if not self.config.shared_dof:
            now.dof[empty] = self.start_dof
        self.assign(now)
        return empty


def _check_data(z: Float[Tensor, "n_genes n_dims"], n_dims: int) -> None:
    if z.ndim != 2 or z.shape[1] != n_dims or len(z) == 0:
        raise InputError("z", f"shape {tuple(z.shape)}", f"at least one row of {n_dims}", "Check `n_dims`.")
    if not torch.isfinite(z).all():
        n_bad = int((~torch.isfinite(z)).any(dim=1).sum())
        found = f"{n_bad} of {len(z)} rows with values that are not finite"
        raise InputError("z", found, "finite representations", "Lower `pretrain_lr` or `refine_lr`.")


def _total(parts: Sequence[Statistics]) -> Statistics:
    total = parts[0]
    for part in parts[1:]:
        total = total.plus(part)
    return total


def _first_of_equals(
    z: Float[Tensor, "n_genes n_dims"], rows: Int[Tensor, " n_rows"]
) -> Int[Tensor, " n_first"]:
    """`rows` in their order, without those whose `z` came before."""
    inverse = torch.unique(z[rows], dim=0, return_inverse=True)[1]
    place = torch.arange(len(rows), device=rows.device)
    first = torch.full_like(rows, len(rows)).scatter_reduce(0, inverse, place, "amin")
    return rows[first[first < len(rows)].sort().values]
