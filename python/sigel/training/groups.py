"""The groups of a fit: which kind, how many, where they start, EM on all genes, and their numbers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sigel.config import SIGELConfig
from sigel.keys import group_names
from sigel.nn.contrast import KernelAssignment
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.mixture.density import FEW_GENES, FlatGenes
from sigel.nn.mixture.n_groups import mixture_of, most_steps, select_n_groups
from sigel.nn.mixture.t_mixture import TMixture
from sigel.stats.flat_images import FlatImages, flat_images
from sigel.training.batches import SharedGenes
from sigel.training.number_test import foretold_number, is_few

# Genes of the sample that a given number of groups begins from.
MOST_GENES = 4000

Assignment = TMixture | KernelAssignment


def new_assignment(config: SIGELConfig, n_groups: int) -> Assignment:
    """Groups of the kind that the settings ask for, in double precision, without values yet.

    Parameters
    ----------
    config
        Settings of the fit.
    n_groups
        How many.
    """
    if config.assignment == "dec":
        return KernelAssignment(n_groups, config.n_dims)
    return TMixture(n_groups, config.n_dims, config.mixture).double()


class FirstGroups(NamedTuple):
    """Groups before refinement, and what chose their number where nobody gave it."""

    assignment: Assignment
    bic: dict[int, float]  # by number of groups
    foretold: dict[int, float]  # how well groups foretell values, by their number, of few genes
    patterned: Bool[Tensor, " n_genes"] | None  # genes that have a pattern whatever the mixture says, of few


def first_groups(
    model: GeneEncoder,
    z: Float[Tensor, "n_genes n_dims"],
    config: SIGELConfig,
    generator: torch.Generator,
    genes: SharedGenes,
) -> FirstGroups:
    """The number of groups and where they start, the same on all processes.

    Parameters
    ----------
    model
        The encoder that made the representations; left in training mode.
    z
        Representations, `(n_genes, n_dims)`.
    config
        Settings of the fit.
    generator
        CPU generator.
    genes
        Shares sums and results with the other processes.

    Returns
    -------
    FirstGroups
        Where `n_groups="auto"`, the number of few genes is chosen by values that they foretell of each other,
        that of more by BIC. It counts groups of genes with a pattern; where other genes are found they have
        one more.
    """
    found: Assignment
    bic: dict[int, float] = {}
    foretold: dict[int, float] = {}
    given = config.n_groups
    images = _flat_images(config, generator, genes)
    flat = None
    if images is not None:
        flat = FlatGenes(z.double()[images.rows[images.flat].to(z.device)], images.share)
    if given == "auto" and is_few(genes):
        given, foretold = foretold_number(model, genes, images, generator)
    if given == "auto":
        found, bic = select_n_groups(z.double(), config.max_groups, config.mixture, generator, flat)
    if config.assignment == "dec":
        found = new_assignment(config, len(found.means) if bic else int(given)).to(z.device)
        found.initialise(z, generator)
    elif given != "auto":
        found = _of_sample(z.double(), int(given), config, generator, flat)
    n_groups, state, bic, foretold = genes.shared((len(found.means), found.state_dict(), bic, foretold))
    assignment = new_assignment(config, n_groups).to(z.device)
    assignment.load_state_dict(state)
    if isinstance(assignment, TMixture) and given != "auto" and len(z) > FEW_GENES:
        fit_to_all(assignment, z, genes)
    patterned = images.patterned if images is not None and len(z) <= FEW_GENES else None
    return FirstGroups(assignment, bic, foretold, patterned)


def _of_sample(
    z: Float[Tensor, "n_genes n_dims"],
    n_groups: int,
    config: SIGELConfig,
    generator: torch.Generator,
    flat: FlatGenes | None,
) -> TMixture:
    """So many groups of some of the genes, from which EM on all goes on."""
    most = max(MOST_GENES, 5 * n_groups)
    if len(z) > most:
        z = z[torch.randperm(len(z), generator=generator)[:most].to(z.device)]
    return mixture_of(z, n_groups, config.mixture, generator, flat)


def _flat_images(config: SIGELConfig, generator: torch.Generator, genes: SharedGenes) -> FlatImages | None:
    """Genes without a pattern, by their images; None where they are not asked for, or there are none."""
    if config.assignment == "dec" or config.n_groups == 1 or not config.mixture.flat:
        return None
    found = flat_images(genes.views, generator)
    return found if found.share > 0 else None


def fit_to_all(
    mixture: TMixture, z: Float[Tensor, "n_genes n_dims"], genes: SharedGenes, max_iter: int | None = None
) -> None:
    """EM on all genes; each process makes the sums over its own.

    Parameters
    ----------
    mixture
        Changed in place.
    z
        Representations of all genes, `(n_genes, n_dims)`.
    genes
        Sums over the processes.
    max_iter
        Iterations at most; default: that of the settings, fewer of few genes.
    """
    max_iter = most_steps(len(z), mixture.config) if max_iter is None else max_iter
    mixture.fit_em(genes.own(z.double()), max_iter=max_iter, reduce=genes.sum)


@torch.no_grad()
def number_by_size(
    assignment: Assignment,
    z: Float[Tensor, "n_genes n_dims"],
    patterned: Bool[Tensor, " n_genes"] | None = None,
) -> Float[Tensor, "n_genes n_groups"]:
    """Number the groups from many genes to few.

    Parameters
    ----------
    assignment
        Changed in place.
    z
        Representations of all genes, `(n_genes, n_dims)`.
    patterned
        Genes that are never without a pattern, `(n_genes,)`.

    Returns
    -------
    Tensor
        Posterior in that order, that of genes without a pattern last, `(n_genes, n_columns)`.
    """
    n_groups = len(assignment.means)
    posterior = with_pattern(posterior_of(assignment, z.double()), n_groups, patterned)
    sizes = torch.bincount(posterior.argmax(dim=1), minlength=posterior.shape[1])[:n_groups]
    order = sizes.argsort(descending=True, stable=True)
    for parameter in assignment.parameters():
        if parameter.ndim and len(parameter) == n_groups:
            parameter.copy_(parameter[order].clone())
    return torch.cat([posterior[:, order], posterior[:, n_groups:]], dim=1)


def with_pattern(
    posterior: Float[Tensor, "n_genes n_columns"], n_groups: int, patterned: Bool[Tensor, " n_genes"] | None
) -> Float[Tensor, "n_genes n_columns"]:
    """Posteriors of genes whose images are smoother than chance makes any: they have a pattern.

    Parameters
    ----------
    posterior
        `(n_genes, n_columns)`, that of genes without a pattern last.
    n_groups
        The others.
    patterned
        Such genes, `(n_genes,)`; None: not known.
    """
    if patterned is None or posterior.shape[1] == n_groups:
        return posterior
    own = posterior.clone()
    own[patterned.to(own.device), n_groups:] = 0
    total = own.sum(dim=1, keepdim=True)
    return torch.where(total > 0, own / total.clamp_min(1e-300), posterior)


@torch.no_grad()
def posterior_of(
    assignment: Assignment, z: Float[Tensor, "n_genes n_dims"]
) -> Float[Tensor, "n_genes n_columns"]:
    """Posteriors as they are reported, that of genes without a pattern in the last column.

    Parameters
    ----------
    assignment
        Groups.
    z
        Representations, `(n_genes, n_dims)`, in double precision.
    """
    if isinstance(assignment, TMixture):
        return assignment.calibrated(z)
    return assignment.log_joint(z).softmax(dim=1)


def names_of_groups(assignment: Assignment) -> list[str]:
    """Names of the groups in the order of their columns.

    Parameters
    ----------
    assignment
        Groups.
    """
    has_flat = isinstance(assignment, TMixture) and assignment.has_flat
    return group_names(len(assignment.means), has_flat=has_flat)
