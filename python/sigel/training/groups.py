"""The groups of a fit: which kind, how many, where they start, EM on all genes, and their numbers."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sigel.config import SIGELConfig
from sigel.nn.contrast import KernelAssignment
from sigel.nn.mixture.n_groups import select_n_groups
from sigel.nn.mixture.t_mixture import TMixture
from sigel.training.batches import SharedGenes

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


def first_groups(
    z: Float[Tensor, "n_genes n_dims"], config: SIGELConfig, generator: torch.Generator, genes: SharedGenes
) -> tuple[Assignment, dict[int, float]]:
    """The number of groups and where they start, the same on all processes.

    Parameters
    ----------
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
    assignment, bic
        The groups, and BIC by number of groups where `n_groups="auto"`.
    """
    found: Assignment
    bic: dict[int, float] = {}
    if config.n_groups == "auto":
        found, bic = select_n_groups(z.double(), config.max_groups, config.mixture, generator)
    else:
        found = new_assignment(config, int(config.n_groups)).to(z.device)
    if config.assignment == "dec":
        found = new_assignment(config, len(found.means)).to(z.device)
    if isinstance(found, KernelAssignment):
        found.initialise(z, generator)
    elif config.n_groups != "auto":
        found.set_prior(z.double())
        found.initialise(z.double(), generator)
    n_groups, state, bic = genes.shared((len(found.means), found.state_dict(), bic))
    assignment = new_assignment(config, n_groups).to(z.device)
    assignment.load_state_dict(state)
    if isinstance(assignment, TMixture) and config.n_groups != "auto":
        fit_to_all(assignment, z, genes)
    return assignment, bic


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
        Iterations at most; default: that of the settings.
    """
    mixture.fit_em(genes.own(z.double()), max_iter=max_iter, reduce=genes.sum)


@torch.no_grad()
def number_by_size(
    assignment: Assignment, z: Float[Tensor, "n_genes n_dims"]
) -> Float[Tensor, "n_genes n_groups"]:
    """Number the groups from many genes to few.

    Parameters
    ----------
    assignment
        Changed in place.
    z
        Representations of all genes, `(n_genes, n_dims)`.

    Returns
    -------
    Tensor
        Posterior in that order, `(n_genes, n_groups)`.
    """
    posterior = assignment.log_joint(z.double()).softmax(dim=1)
    n_groups = posterior.shape[1]
    sizes = torch.bincount(posterior.argmax(dim=1), minlength=n_groups)
    order = sizes.argsort(descending=True, stable=True)
    for parameter in assignment.parameters():
        if parameter.ndim and len(parameter) == n_groups:
            parameter.copy_(parameter[order].clone())
    return posterior[:, order]
