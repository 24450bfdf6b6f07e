"""Module III's pieces against plain computations and known cases."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sigel.nn.contrast import (
    KernelAssignment,
    cluster_loss,
    effective_rank,
    graph_loss,
    instance_contrast,
    mutual_neighbors,
    size_loss,
    target_distribution,
)


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_instance_contrast_is_the_mean_of_both_cross_entropies_of_cosines():
    a, b = random(6, 4), random(6, 4, seed=1)
    unit_a, unit_b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a.numpy(), b.numpy()))
    similarity = np.exp(unit_a @ unit_b.T / 0.2)
    own = np.diag(similarity)
    wanted = -(np.log(own / similarity.sum(1)) + np.log(own / similarity.sum(0))).mean() / 2
    assert float(instance_contrast(a, b, 0.2)) == pytest.approx(wanted, rel=1e-10)


def test_instance_contrast_is_least_where_each_gene_is_nearest_to_itself():
    z = torch.eye(5, dtype=torch.float64)
    right = instance_contrast(z, z, 0.1)
    assert right < instance_contrast(z, z.roll(1, dims=0), 0.1)
    assert float(instance_contrast(z[:1], z[:1], 0.1)) == 0.0


@given(n=st.integers(1, 30), k=st.integers(1, 8), seed=st.integers(0, 99), sharp=st.floats(0.1, 20))
@settings(deadline=None, max_examples=40)
def test_targets_are_distributions_and_sharper_where_groups_are_of_one_size(n, k, seed, sharp):
    q = (sharp * random(n, k, seed=seed)).softmax(dim=1)
    p = target_distribution(q)
    assert torch.allclose(p.sum(dim=1), torch.ones(n, dtype=p.dtype))
    assert (p >= 0).all()
    by_hand = q**2 / q.sum(dim=0)
    assert torch.allclose(p, by_hand / by_hand.sum(dim=1, keepdim=True), atol=1e-12)
    even = torch.stack([q.roll(shift, dims=1) for shift in range(k)]).reshape(-1, k)  # all sizes alike
    sharper = target_distribution(even)
    assert (sharper.amax(dim=1) >= even.amax(dim=1) - 1e-12).all()


def test_cluster_loss_is_zero_at_the_target_and_reaches_what_made_the_posterior():
    joint = random(7, 3).requires_grad_()
    log_q = joint.log_softmax(dim=1)
    assert float(cluster_loss(log_q.exp().detach(), log_q.detach())) == pytest.approx(0, abs=1e-12)
    target = target_distribution(log_q.exp().detach())
    loss = cluster_loss(target, log_q)
    assert loss > 0
    loss.backward()
    # d KL(P || softmax(joint)) / d joint = Q - P
    assert torch.allclose(joint.grad, (log_q.exp() - target).detach() / 7)


def test_size_loss_is_zero_for_even_groups_and_has_one_strength_for_any_batch():
    even = torch.full((8, 4), 0.25, dtype=torch.float64)
    assert float(size_loss(even, even.mean(dim=0), 0.1)) == pytest.approx(0, abs=1e-12)
    alone = torch.tensor([[1.0, 0, 0, 0]], dtype=torch.float64)
    assert float(size_loss(alone, alone[0], 1.0)) == pytest.approx(np.log(4))

    usual = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    gradients = []
    for share in (0.01, 1e-4):
        q = usual.expand(5, 3).clone().requires_grad_()
        size_loss(q, usual, share).backward()
        gradients.append(q.grad)
    assert torch.allclose(*gradients)
    # Descent takes from the large group and gives to the small one.
    assert gradients[0][0, 0] > gradients[0][0, 2]


def test_graph_loss_is_the_laplacian_form():
    graph = mutual_neighbors(random(20, 3), 5)
    z = random(20, 4, seed=1)
    near = torch.from_numpy(graph @ z.numpy())
    linked = torch.from_numpy((np.diff(graph.indptr) > 0).astype(float))
    n_linked = int(linked.sum())
    laplacian = sparse.diags_array(linked.numpy()) - graph
    wanted = np.trace(z.numpy().T @ (laplacian @ z.numpy())) / 4 / n_linked
    assert float(graph_loss(z, near, linked)) == pytest.approx(wanted, rel=1e-8)
    nobody = torch.zeros(20, dtype=torch.float64)
    assert float(graph_loss(z, torch.zeros_like(z), nobody)) == 0.0


@pytest.mark.parametrize("n_neighbors", [1, 4, 50])
def test_mutual_neighbours_are_mutual_by_a_plain_search(n_neighbors):
    x = random(30, 6)
    graph = mutual_neighbors(x, n_neighbors)
    unit = x / x.norm(dim=1, keepdim=True)
    cosine = (unit @ unit.T).fill_diagonal_(-2).numpy()
    k = min(n_neighbors, 29)
    near = np.zeros((30, 30), dtype=bool)
    np.put_along_axis(near, np.argsort(-cosine, axis=1)[:, :k], True, axis=1)
    mutual = near & near.T
    assert np.array_equal(graph.toarray() > 0, mutual)
    degree = np.maximum(mutual.sum(axis=1), 1)
    wanted = mutual / np.sqrt(np.outer(degree, degree))
    assert np.allclose(graph.toarray(), wanted, atol=1e-6)


def test_a_single_gene_has_no_neighbours():
    graph = mutual_neighbors(random(1, 3), 15)
    assert graph.shape == (1, 1)
    assert graph.nnz == 0


def test_effective_rank_counts_directions():
    z = random(4000, 6)
    assert effective_rank(z) == pytest.approx(6, abs=0.05)
    z[:, 2:] = 0
    assert effective_rank(z) == pytest.approx(2, abs=0.02)
    assert effective_rank(torch.ones(50, 6)) <= 1.0 + 1e-6
    assert effective_rank(z[:1]) == 1.0


def test_the_kernel_of_the_published_code_is_its_formula():
    kernel = KernelAssignment(3, 2, alpha=0.8)
    z = random(40, 2)
    kernel.initialise(z, torch.Generator().manual_seed(0))
    distance = ((z.numpy()[:, None] - kernel.means.detach().numpy()) ** 2).sum(axis=2)
    weight = (1 + distance / 0.8) ** -0.9
    wanted = weight / weight.sum(axis=1, keepdims=True)
    assert np.allclose(kernel.log_joint(z).softmax(dim=1).detach().numpy(), wanted)
