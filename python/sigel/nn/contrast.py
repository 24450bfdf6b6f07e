"""Module III: the losses of self-paced pseudo-contrastive refinement, and its guard against collapse."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional as F


def instance_contrast(
    first: Float[Tensor, "batch n_dims"], second: Float[Tensor, "batch n_dims"], temperature: float
) -> Float[Tensor, ""]:
    """InfoNCE between two views of the same genes (van den Oord et al. 2018), both directions.

    Parameters
    ----------
    first, second
        `(batch, n_dims)`; row i of both is one gene.
    temperature
        Divides the cosines.

    Notes
    -----
    With the cosine `s_ij` of gene i in the first view and gene j in the second, and temperature T: the mean
    over i of `-ln(exp(s_ii / T) / sum_j exp(s_ij / T))`, and the same with the views exchanged, halved.
    """
    cosine = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T  # (batch, batch)
    same = torch.arange(len(first), device=first.device)
    logits = cosine / temperature
    return (F.cross_entropy(logits, same) + F.cross_entropy(logits.T, same)) / 2


def target_distribution(posterior: Float[Tensor, "n_genes n_groups"]) -> Float[Tensor, "n_genes n_groups"]:
    """Sharpened assignments P that Module III learns from (Xie et al. 2016).

    Parameters
    ----------
    posterior
        Q, `(n_genes, n_groups)`, rows sum to 1.

    Returns
    -------
    Tensor
        `p_ik = (q_ik^2 / f_k) / sum_j (q_ij^2 / f_j)` with `f_k = sum_i q_ik`, same shape.
    """
    # (n_genes, n_groups)
    weight = posterior.square() / posterior.sum(dim=0).clamp_min(torch.finfo(posterior.dtype).tiny)
    return weight / weight.sum(dim=1, keepdim=True)


def cluster_loss(
    target: Float[Tensor, "batch n_groups"], log_posterior: Float[Tensor, "batch n_groups"]
) -> Float[Tensor, ""]:
    """KL(P || Q), mean over the genes of a batch.

    Parameters
    ----------
    target
        P, `(batch, n_groups)`, constant.
    log_posterior
        ln Q, `(batch, n_groups)`, carries the gradient to encoder, head and mixture.

    Notes
    -----
    `1/B sum_i sum_k p_ik ln(p_ik / q_ik)`: genes that are sure of one group are drawn together. P sharpens
    what Q already believes, so the pace is the model's own.
    """
    return F.kl_div(log_posterior, target, reduction="batchmean")


def size_loss(
    posterior: Float[Tensor, "batch n_groups"], usual: Float[Tensor, " n_groups"], share: float
) -> Float[Tensor, ""]:
    """How uneven the mean group sizes are: `ln n_groups` less their entropy, 0 where all are equal.

    Parameters
    ----------
    posterior
        Q of a batch, `(batch, n_groups)`.
    usual
        Mean of Q over all genes at the start of the epoch, `(n_groups,)`.
    share
        Share of the genes in the batch. A batch alone is too small to see small groups, so it is mixed
        into the sizes over all genes; the gradient is divided by the share, so that its strength does
        not depend on the batch.
    """
    mean = (1 - share) * usual + share * posterior.mean(dim=0)  # (n_groups,)
    uneven = math.log(len(mean)) + (mean * mean.clamp_min(1e-12).log()).sum()
    return uneven.detach() + (uneven - uneven.detach()) / share


def graph_loss(
    z: Float[Tensor, "batch n_dims"],
    neighborhood: Float[Tensor, "batch n_dims"],
    has_neighbors: Float[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Laplacian term `z_i . (z_i - sum_j a_ij z_j) / n_dims`, weighted mean over the genes of a batch.

    Parameters
    ----------
    z
        `(batch, n_dims)`, of length `sqrt(n_dims)` each.
    neighborhood
        `sum_j a_ij z_j` from the start of the epoch, `(batch, n_dims)`, constant.
    has_neighbors
        Weights, `(batch,)`: 0 for genes without neighbours.
    """
    rough = (z * (z - neighborhood)).mean(dim=1)  # (batch,)
    return (rough * has_neighbors).mean()


def mutual_neighbors(features: Float[Tensor, "n_genes n_features"], n_neighbors: int) -> sparse.csr_matrix:
    """Symmetrically normalised graph of mutual nearest neighbours by cosine.

    Parameters
    ----------
    features
        `(n_genes, n_features)`, for example patch means of the images.
    n_neighbors
        Neighbours of a gene; only mutual ones count.

    Returns
    -------
    scipy.sparse.csr_matrix
        `D^-1/2 A D^-1/2`, `(n_genes, n_genes)`; rows of genes without a mutual neighbour are empty.
    """
    from sklearn.neighbors import NearestNeighbors

    n = len(features)
    k = min(n_neighbors, n - 1)
    if k < 1:
        return sparse.csr_matrix((n, n), dtype="float32")
    unit = F.normalize(features, dim=1).cpu().numpy()  # (n_genes, n_features)
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(unit)
    near = search.kneighbors_graph(mode="connectivity")  # the gene itself is left out
    mutual = near.multiply(near.T).tocsr()
    degree = np.diff(mutual.indptr)
    scale = sparse.diags_array(1.0 / np.sqrt(np.maximum(degree, 1)))
    return sparse.csr_matrix(scale @ mutual @ scale).astype("float32")


def effective_rank(z: Float[Tensor, "n_genes n_dims"]) -> float:
    """Number of directions that representations really use (Roy and Vetterli 2007).

    Parameters
    ----------
    z
        `(n_genes, n_dims)`.

    Returns
    -------
    float
        exp of the entropy of the normalised eigenvalues of the covariance, 1 to `n_dims`.
    """
    if len(z) < 2:
        return 1.0
    share = torch.linalg.eigvalsh(torch.cov(z.double().T)).clamp_min(0)  # (n_dims,)
    share = share / share.sum().clamp_min(1e-300)
    return float(torch.exp(-(share * share.clamp_min(1e-300).log()).sum()))


class KernelAssignment(nn.Module):
    """Student t kernel around learned centres, the `assignment="dec"` of the authors' running code.

    Parameters
    ----------
    n_groups, n_dims
        Number of centres and their length.
    alpha
        Degrees of freedom of the kernel; 0.8 as in the authors' code.

    Notes
    -----
    `q_ik` is proportional to `(1 + |z_i - c_k|^2 / alpha)^(-(alpha + 1) / 2)` (Xie et al. 2016, DEC). Kept
    for comparison: no weights, no scales, no EM.
    """

    def __init__(self, n_groups: int, n_dims: int, alpha: float = 0.8) -> None:
        super().__init__()
        self.alpha = alpha
        self.means = nn.Parameter(torch.zeros(n_groups, n_dims, dtype=torch.float64))

    @torch.no_grad()
    def initialise(self, z: Float[Tensor, "n_genes n_dims"], generator: torch.Generator) -> None:
        """Centres by seeded k-means on `(n_genes, n_dims)`."""
        from sklearn.cluster import KMeans

        seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
        found = KMeans(len(self.means), n_init=3, random_state=seed).fit(z.cpu().numpy())
        self.means.copy_(torch.as_tensor(found.cluster_centers_, dtype=torch.float64))

    def log_joint(self, z: Float[Tensor, "n n_dims"]) -> Float[Tensor, "n n_groups"]:
        """Unnormalised log kernel, `(n, n_dims)` to `(n, n_groups)`."""
        distance = torch.cdist(z.to(self.means.dtype), self.means).square()  # (n, n_groups)
        return -(self.alpha + 1) / 2 * torch.log1p(distance / self.alpha)
