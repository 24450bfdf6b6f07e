"""How many groups: several numbers, mergers two by two, and the BIC of each."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from sigel.config import MixtureConfig
from sigel.nn.mixture.density import FEW_GENES, FlatGenes, MixtureParameters
from sigel.nn.mixture.t_mixture import TMixture

# Share of the best gain in BIC over one group that a smaller number of groups may forgo.
SLACK = 0.005
# What a parameter costs in twice the log-likelihood: more than 2 (AIC) and less than the log of thousands
# of genes (BIC), as the coordinates of a representation are shares of one sphere.
COST = 5.0
# Genes that a group needs at least; near that number groups fit anything, and each costs ever more.
LEAST_GENES = 3
# Numbers up to this are tried whatever BIC does: two groups are often no better than one where eight are.
LEAST_TRIED = 11
# EM iterations of a mixture that is tried.
MOST_STEPS = 30
# Of few genes EM ends after some steps: their likelihood in 32 dimensions grows with groups of one
# gene, which foretell less than those of k-means that it began from.
FEW_STEPS = 3


def select_n_groups(
    z: Float[Tensor, "n_genes n_dims"],
    max_groups: int,
    config: MixtureConfig,
    generator: torch.Generator,
    flat: FlatGenes | None = None,
    max_genes: int = 3000,
) -> tuple[TMixture, dict[int, float]]:
    """Choose the number of groups: the smallest that reaches 99.5 % of the best gain in BIC over one group.

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
    flat
        Genes without a pattern, whose group is not counted; None: there are none.
    max_genes
        More genes than this are sampled without replacement (but never to fewer than three per group),
        to keep the choice cheap; the chosen mixture is then fitted to all.

    Returns
    -------
    mixture, bic
        The chosen mixture, fitted to `z`, and the criterion by number of groups, from 1: `-2 ln L` and
        `COST` for each parameter, ever more where groups have hardly any genes.

    Notes
    -----
    Fraley and Raftery 2007: the likelihood is that at the mode of the posterior. Parameters are counted as
    far as the prior leaves them free. Numbers far apart are tried from k-means; those about the best of
    them are reached by mergers from above (Figueiredo and Jain 2002), which depends little on the start.
    """
    n_groups = max(1, min(max_groups, len(z) // 3))
    found, bic = tried_numbers(z, n_groups, config, generator, flat, max_genes)
    return mixture_at(found[best_number(bic)], z, config, flat), bic


def tried_numbers(
    z: Float[Tensor, "n_genes n_dims"],
    largest: int,
    config: MixtureConfig,
    generator: torch.Generator,
    flat: FlatGenes | None = None,
    max_genes: int = 3000,
) -> tuple[dict[int, MixtureParameters], dict[int, float]]:
    """Mixtures of several numbers of groups, and the BIC of each.

    Parameters
    ----------
    z
        `(n_genes, n_dims)`.
    largest
        The largest number, at most that of the genes.
    config, generator, flat, max_genes
        As in `select_n_groups`; the mixtures are those of the sample.

    Returns
    -------
    parameters, bic
        By number of groups: 1, then each a third more than the last, up to 11 and until two in turn are worse
        than the best, and those between the neighbours of the best of these.
    """
    max_genes = max(max_genes, 3 * largest)
    sample = z
    if len(z) > max_genes:
        sample = z[torch.randperm(len(z), generator=generator)[:max_genes].to(z.device)]
    found: dict[int, MixtureParameters] = {}
    bic: dict[int, float] = {}

    def keep(mixture: TMixture) -> None:
        value, k = _criterion(mixture, sample), mixture.n_groups
        if value < bic.get(k, math.inf):
            bic[k], found[k] = value, mixture.estimates()

    fitted: dict[int, TMixture] = {}
    for k in numbers_to_try(largest):
        fitted[k] = started(sample, k, config, generator, flat)
        fitted[k].fit_em(sample, max_iter=MOST_STEPS)
        keep(fitted[k])
        if k not in bic:  # more groups than there are genes for
            break
        tried = sorted(bic)
        if k >= LEAST_TRIED and min(bic[one] for one in tried[-2:]) > min(bic.values()):
            break
    tried = sorted(bic)
    at = tried.index(min(bic, key=bic.__getitem__))
    above, below = tried[min(at + 1, len(tried) - 1)], tried[max(at - 1, 0)]
    for mixture in merge_path(fitted[above], sample, flat, least=below + 1):
        keep(mixture)
    return found, dict(sorted(bic.items()))


def numbers_to_try(largest: int) -> Iterator[int]:
    """1, then each a third more than the last, up to `largest`: 1, 2, 3, 4, 5, 6, 8, 10, ...

    Parameters
    ----------
    largest
        The last.
    """
    k = 1
    while k < largest:
        yield k
        k += max(1, k // 3)
    yield largest


def _criterion(mixture: TMixture, z: Float[Tensor, "n_genes n_dims"]) -> float:
    with torch.no_grad():
        likelihood = float(mixture.log_prob(z).sum())
    with_pattern = max(1.0, len(z) * (1 - float(mixture.share)))
    spare = with_pattern - LEAST_GENES * (mixture.n_groups - 1)
    if spare <= 0:
        return math.inf
    return -2 * likelihood + COST * mixture.effective_parameters(with_pattern) * with_pattern / spare


def mixture_of(
    z: Float[Tensor, "n_genes n_dims"],
    n_groups: int,
    config: MixtureConfig,
    generator: torch.Generator,
    flat: FlatGenes | None = None,
) -> TMixture:
    """A fitted mixture of a given number of groups: begun at k-means or by mergers from half as many more.

    Whichever has the higher likelihood: k-means alone splits the largest patterns where there are fewer
    groups than patterns. Of few genes, up to 300, it is k-means and some steps of EM.

    Parameters
    ----------
    z
        `(n_genes, n_dims)`.
    n_groups
        How many.
    config, generator, flat
        As in `select_n_groups`.
    """
    mixture = started(z, n_groups, config, generator, flat)
    mixture.fit_em(z, max_iter=most_steps(len(z), config))
    if len(z) <= FEW_GENES:
        return mixture
    more = min(n_groups + (n_groups + 1) // 2, len(z))
    if n_groups == 1 or more == n_groups:
        return mixture
    above = started(z, more, config, generator, flat)
    above.fit_em(z, max_iter=MOST_STEPS)
    *_, merged = merge_path(above, z, flat, least=n_groups)
    merged.fit_em(z)
    # Their priors differ, so that posteriors would not compare.
    with torch.no_grad():
        better = merged.log_prob(z).sum() > mixture.log_prob(z).sum()
    return merged if better else mixture


def most_steps(n_genes: int, config: MixtureConfig) -> int:
    """EM iterations of a full fit.

    Parameters
    ----------
    n_genes
        Genes that are fitted.
    config
        Settings of the mixture.
    """
    return min(FEW_STEPS, config.max_iter) if n_genes <= FEW_GENES else config.max_iter


def started(
    z: Float[Tensor, "n_genes n_dims"],
    n_groups: int,
    config: MixtureConfig,
    generator: torch.Generator,
    flat: FlatGenes | None = None,
) -> TMixture:
    """A mixture at its k-means start, its prior pooled over the groups.

    Parameters
    ----------
    z
        `(n_genes, n_dims)`.
    n_groups
        How many.
    config, generator, flat
        As in `select_n_groups`.
    """
    mixture = TMixture(n_groups, z.shape[1], config).to(z)
    mixture.set_prior(z)
    mixture.set_flat(flat)
    mixture.initialise(z, generator)
    mixture.pool_prior(z)
    return mixture


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
    parameters: MixtureParameters,
    z: Float[Tensor, "n_genes n_dims"],
    config: MixtureConfig,
    flat: FlatGenes | None = None,
) -> TMixture:
    """A mixture that starts from given parameters, fitted to all genes.

    Parameters
    ----------
    parameters
        For example of `tried_numbers`.
    z
        `(n_genes, n_dims)`.
    config
        Settings of the mixture.
    flat
        As in `select_n_groups`.
    """
    mixture = _at(parameters, z, config, flat)
    mixture.fit_em(z)
    return mixture


def _at(
    parameters: MixtureParameters,
    z: Float[Tensor, "n_genes n_dims"],
    config: MixtureConfig,
    flat: FlatGenes | None,
) -> TMixture:
    mixture = TMixture(len(parameters.log_weights), z.shape[1], config).to(z)
    mixture.set_prior(z)
    mixture.set_flat(flat)
    mixture.assign(parameters)
    mixture.pool_prior(z)
    return mixture


def merge_path(
    mixture: TMixture,
    z: Float[Tensor, "n_genes n_dims"],
    flat: FlatGenes | None = None,
    *,
    least: int = 1,
    max_iter: int = 10,
) -> Iterator[TMixture]:
    """Fitted mixtures of K, K - 1, ... components, each from the last by one merger and some EM.

    Parameters
    ----------
    mixture
        The first.
    z
        `(n_genes, n_dims)`.
    flat
        As in `select_n_groups`.
    least
        Components of the last.
    max_iter
        EM iterations after each merger.
    """
    yield mixture
    while mixture.n_groups > least:
        mixture = _at(merge_nearest(mixture.estimates()), z, mixture.config, flat)
        mixture.fit_em(z, max_iter=max_iter)
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
