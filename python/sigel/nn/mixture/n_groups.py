"""How many groups: many components, merged two by two, and BIC along the way."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from sigel.config import MixtureConfig
from sigel.nn.mixture.density import MixtureParameters
from sigel.nn.mixture.t_mixture import TMixture

# Share of the best gain in BIC over one group that a smaller number of groups may forgo.
SLACK = 0.005


def select_n_groups(
    z: Float[Tensor, "n_genes n_dims"],
    max_groups: int,
    config: MixtureConfig,
    generator: torch.Generator,
    max_genes: int = 4000,
) -> tuple[TMixture, dict[int, float]]:
    """Choose the number of groups: the smallest that reaches 99.5 % of the best gain in BIC over one group.

    Beyond that number BIC falls, if at all, by splitting the cloud of genes without a pattern.

    Parameters
    ----------
    z
        `(n_genes, n_dims)`.
    max_groups
        Largest number; a third of the genes if that is smaller.
    config
        Settings of the mixtures.
    generator
        CPU generator.
    max_genes
        More genes than this are sampled without replacement (but never to fewer than three per group),
        to keep the choice cheap; the chosen mixture is then fitted to all.

    Returns
    -------
    mixture, bic
        The chosen mixture, fitted to `z`, and `-2 ln L + n_parameters ln N` by number of groups, from 1.

    Notes
    -----
    Fraley and Raftery 2007: the likelihood is that at the mode of the posterior. Merging from many
    components instead of starting anew for each number follows Figueiredo and Jain 2002: it depends
    little on the start.
    """
    n_groups = max(1, min(max_groups, len(z) // 3))
    found, bic = groups_path(z, n_groups, config, generator, max_genes)
    best = best_number(bic)
    return mixture_at(found[best], z, config), bic


def mixture_of(
    z: Float[Tensor, "n_genes n_dims"],
    n_groups: int,
    path: dict[int, MixtureParameters],
    config: MixtureConfig,
    generator: torch.Generator,
) -> TMixture:
    """A fitted mixture of a given number of groups: begun at k-means or on the path of mergers.

    Whichever has the higher posterior: k-means alone splits the largest patterns where there are fewer
    groups than patterns.

    Parameters
    ----------
    z
        `(n_genes, n_dims)`.
    n_groups
        How many.
    path
        From `groups_path`; numbers that are not on it come from k-means.
    config, generator
        As in `select_n_groups`.
    """
    mixture = TMixture(n_groups, z.shape[1], config).to(z)
    mixture.set_prior(z)
    mixture.initialise(z, generator)
    mixture.fit_em(z)
    if n_groups not in path:
        return mixture
    merged = mixture_at(path[n_groups], z, config)
    better = merged.penalised_log_likelihood(z) >= mixture.penalised_log_likelihood(z)
    return merged if better else mixture


def groups_path(
    z: Float[Tensor, "n_genes n_dims"],
    n_groups: int,
    config: MixtureConfig,
    generator: torch.Generator,
    max_genes: int = 4000,
) -> tuple[dict[int, MixtureParameters], dict[int, float]]:
    """Mixtures of 1 to `n_groups` components, by mergers from the largest, and the BIC of each.

    Parameters
    ----------
    z
        `(n_genes, n_dims)`.
    n_groups
        The largest number, at most that of the genes.
    config, generator, max_genes
        As in `select_n_groups`; the mixtures are those of the sample.

    Returns
    -------
    parameters, bic
        By number of groups.
    """
    max_genes = max(max_genes, 3 * n_groups)
    sample = z
    if len(z) > max_genes:
        sample = z[torch.randperm(len(z), generator=generator)[:max_genes].to(z.device)]
    mixture = TMixture(n_groups, z.shape[1], config).to(z)
    mixture.set_prior(sample)
    mixture.initialise(sample, generator)
    mixture.fit_em(sample, max_iter=30)
    bic: dict[int, float] = {}
    # Along the path only parameters are kept: a few thousand numbers for each.
    found: dict[int, MixtureParameters] = {}
    for fitted in merge_path(mixture, sample):
        with torch.no_grad():
            likelihood = float(fitted.log_prob(sample).sum())
        k = fitted.n_groups
        bic[k] = -2 * likelihood + fitted.n_parameters() * math.log(len(sample))
        found[k] = fitted.estimates()
    return found, dict(sorted(bic.items()))


def best_number(bic: dict[int, float]) -> int:
    """The smallest number of groups that reaches 99.5 % of the best gain in BIC over one group.

    Parameters
    ----------
    bic
        By number of groups, from 1.
    """
    lowest = min(bic.values())
    allowed = lowest + SLACK * (bic[1] - lowest)
    return min(k for k, value in bic.items() if value <= allowed)


def mixture_at(
    parameters: MixtureParameters, z: Float[Tensor, "n_genes n_dims"], config: MixtureConfig
) -> TMixture:
    """A mixture that starts from given parameters, fitted to all genes.

    Parameters
    ----------
    parameters
        For example of `groups_path`.
    z
        `(n_genes, n_dims)`.
    config
        Settings of the mixture.
    """
    mixture = TMixture(len(parameters.log_weights), z.shape[1], config).to(z)
    mixture.set_prior(z)
    mixture.assign(parameters)
    mixture.fit_em(z)
    return mixture


def merge_path(
    mixture: TMixture, z: Float[Tensor, "n_genes n_dims"], max_iter: int = 10
) -> Iterator[TMixture]:
    """Fitted mixtures of K, K - 1, ..., 1 components, each from the last by one merger and some EM.

    Parameters
    ----------
    mixture
        The first.
    z
        `(n_genes, n_dims)`.
    max_iter
        EM iterations after each merger.
    """
    yield mixture
    while mixture.n_groups > 1:
        merged = TMixture(mixture.n_groups - 1, mixture.n_dims, mixture.config).to(z)
        merged.set_prior(z)
        merged.assign(merge_nearest(mixture.estimates()))
        merged.fit_em(z, max_iter=max_iter)
        mixture = merged
        yield mixture


def merge_nearest(parameters: MixtureParameters) -> MixtureParameters:
    """Merge the two components whose union costs the least likelihood.

    Parameters
    ----------
    parameters
        Of K >= 2 components.

    Returns
    -------
    MixtureParameters
        Of K - 1 components. Means and scale matrices are pooled as the moments of Gaussian components
        would be; EM goes on from there.

    Notes
    -----
    The cost of a pair is `(w_i + w_j) ln|S_ij| - w_i ln|S_i| - w_j ln|S_j|` with the diagonals of the
    scale matrices, twice the loss per gene were the components Gaussian and far from the others.
    """
    log_weights, means, covariance, dof = parameters
    weight = log_weights.exp()  # (n_groups,)
    both = weight[:, None] + weight  # (n_groups, n_groups)
    share = (weight[:, None] / both)[:, :, None]  # (n_groups, n_groups, 1)
    variance = covariance if covariance.ndim == 2 else covariance.diagonal(dim1=1, dim2=2)
    apart = share * (1 - share) * (means[:, None] - means).square()  # (n_groups, n_groups, n_dims)
    # (n_groups, n_groups, n_dims)
    union = share * variance[:, None] + (1 - share) * variance + apart
    own = weight * variance.log().sum(dim=1)  # (n_groups,)
    cost = both * union.log().sum(dim=2) - own[:, None] - own  # (n_groups, n_groups)
    cost.fill_diagonal_(math.inf)
    i, j = sorted(divmod(int(cost.argmin()), len(weight)))

    a = share[i, j]
    gap = means[i] - means[j]
    spread = gap.square() if covariance.ndim == 2 else torch.outer(gap, gap)
    new = MixtureParameters(
        torch.logaddexp(log_weights[i], log_weights[j]),
        a * means[i] + (1 - a) * means[j],
        a * covariance[i] + (1 - a) * covariance[j] + a * (1 - a) * spread,
        a[0] * dof[i] + (1 - a[0]) * dof[j],
    )
    rest = torch.arange(len(weight), device=weight.device)
    rest = rest[rest != j]
    merged = MixtureParameters(*(values[rest].clone() for values in parameters))
    for values, value in zip(merged, new, strict=True):
        values[i] = value
    return merged
